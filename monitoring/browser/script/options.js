// What the script tag says: data-key, data-release, data-environment, data-user, data-sample, data-consent, data-dnt, data-clicks, data-assets.

const script = document.currentScript;

export const options = read(script);

function read(tag) {
  const said = (tag && tag.dataset) || {};
  const sample = Number(said.sample);
  return {
    key: said.key || "",
    // The script's own address tells where to report to.
    url: said.url || (tag && tag.src ? new URL("/api/v1/browser/", tag.src).href : ""),
    release: said.release || "",
    environment: said.environment || "",
    user: said.user || "",
    sample: said.sample && sample >= 0 && sample <= 1 ? sample : 1,
    needsConsent: said.consent === "required",
    respectsDoNotTrack: said.dnt === "respect",
    clicks: said.clicks !== "off",
    assets: said.assets !== "off",
  };
}
