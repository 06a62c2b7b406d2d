// Where the visitor is: path, and the fragment where it is a route (#/orders/7). Never query or login.

export function address() {
  const route = location.hash.startsWith("#/") || location.hash.startsWith("#!/") ? location.hash.split("?")[0] : "";
  return location.origin + location.pathname + route;
}
