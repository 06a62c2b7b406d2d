// Loads the vendored uPlot when the first chart needs it. It is a plain script that makes one global.
let loading = null;

export function loadPlotter() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("../vendor/uplot/uPlot.min.js", import.meta.url);
    script.addEventListener("load", () => resolve(globalThis.uPlot));
    script.addEventListener("error", () => reject(new Error("the chart library could not be loaded")));
    document.head.append(script);
  });
  return loading;
}
