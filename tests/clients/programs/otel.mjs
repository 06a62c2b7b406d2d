// OpenTelemetry for JavaScript: a server's span with a query and an exception in it, and a log line; JSON or protobuf.
import { SpanKind, SpanStatusCode, context, trace } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter as JsonLogs } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPLogExporter as ProtoLogs } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPTraceExporter as JsonTraces } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtoTraces } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { BasicTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";

const [endpoint, key, kind, compression] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${key}` };
const resource = resourceFromAttributes({ "service.name": `js-${kind}`, "service.version": "5.0" });
const Traces = kind === "json" ? JsonTraces : ProtoTraces;
const Logs = kind === "json" ? JsonLogs : ProtoLogs;

const traces = new BasicTracerProvider({
  resource,
  spanProcessors: [new SimpleSpanProcessor(new Traces({ url: `${endpoint}/v1/traces`, headers, compression }))],
});
const tracer = traces.getTracer("erp");
const request = tracer.startSpan("GET /stock/{sku}", {
  kind: SpanKind.SERVER,
  attributes: { "http.request.method": "GET", "http.route": "/stock/{sku}", "http.response.status_code": 500 },
});
const inside = trace.setSpan(context.active(), request);
const query = tracer.startSpan(
  "SELECT stock",
  {
    kind: SpanKind.CLIENT,
    attributes: { "db.system.name": "mysql", "db.query.text": "SELECT amount FROM stock WHERE sku = 'A-1'" },
  },
  inside,
);
query.end();
request.recordException(new RangeError(`no stock in ${kind}`));
request.setStatus({ code: SpanStatusCode.ERROR });
request.end();

const logs = new LoggerProvider({
  resource,
  processors: [new SimpleLogRecordProcessor({ exporter: new Logs({ url: `${endpoint}/v1/logs`, headers, compression }) })],
});
logs.getLogger("erp").emit({ severityNumber: SeverityNumber.WARN, body: `stock is low (${kind})` });
await traces.forceFlush();
await logs.forceFlush();
await traces.shutdown();
await logs.shutdown();
