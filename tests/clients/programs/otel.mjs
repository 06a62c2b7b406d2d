// OpenTelemetry for JavaScript: a server's span with a query and an exception in it, a log line, metrics; JSON or protobuf.
import { SpanKind, SpanStatusCode, context, trace } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter as JsonLogs } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPLogExporter as ProtoLogs } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPMetricExporter as JsonMetrics } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPMetricExporter as ProtoMetrics } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter as JsonTraces } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtoTraces } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";

const [endpoint, key, kind, compression] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${key}` };
const resource = resourceFromAttributes({ "service.name": `js-${kind}`, "service.version": "5.0" });
const Traces = kind === "json" ? JsonTraces : ProtoTraces;
const Metrics = kind === "json" ? JsonMetrics : ProtoMetrics;
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

const metrics = new MeterProvider({
  resource,
  readers: [
    new PeriodicExportingMetricReader({
      exporter: new Metrics({ url: `${endpoint}/v1/metrics`, headers, compression }),
      exportIntervalMillis: 60_000,
    }),
  ],
});
const meter = metrics.getMeter("erp");
meter.createCounter("erp.orders.placed", { unit: "{order}" }).add(3, { "erp.branch": "north" });
meter.createUpDownCounter("erp.queue.length").add(-2);
meter
  .createHistogram("erp.order.duration", { unit: "s", advice: { explicitBucketBoundaries: [0.5, 5] } })
  .record(0.7);
await metrics.shutdown();
await traces.forceFlush();
await logs.forceFlush();
await traces.shutdown();
await logs.shutdown();
