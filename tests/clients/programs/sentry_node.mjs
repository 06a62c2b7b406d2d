// An ERP's small server with @sentry/node: a request with a query in it, an error, a log line, a session, two check-ins of a job.
import * as Sentry from "@sentry/node";
import http from "node:http";

Sentry.init({
  dsn: process.argv[2],
  release: "web@3.1.0",
  environment: "staging",
  tracesSampleRate: 1,
  enableLogs: true,
  sendDefaultPii: true,
});
Sentry.setUser({ id: "u42" });

async function answer() {
  return Sentry.startSpan(
    {
      name: "SELECT * FROM orders WHERE note = 'private 4711'",
      op: "db",
      attributes: { "db.system": "postgresql", "db.query.text": "SELECT * FROM orders WHERE note = 'private 4711'" },
    },
    () => new Promise((done) => setTimeout(done, 20)),
  );
}

const server = http.createServer(async (request, response) => {
  await answer();
  // Large enough that the client compresses what it sends of it.
  Sentry.captureException(new TypeError("stock is negative"), { extra: { padding: "x".repeat(60_000) } });
  response.statusCode = 503;
  response.end("no");
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
await fetch(`http://127.0.0.1:${server.address().port}/orders/4711?token=hidden`);
Sentry.logger.warn(Sentry.logger.fmt`stock of ${"item-17"} is low`);
await Sentry.withMonitor("nightly-stock", async () => answer(), { schedule: { type: "crontab", value: "15 4 * * *" } });
await new Promise((done) => server.close(done));
await Sentry.flush(20_000);
await Sentry.close(20_000);
