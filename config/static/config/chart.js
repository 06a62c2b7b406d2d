// Draws every [data-chart] figure: lines over time with a shared cursor, zoom by dragging, thresholds, gaps as gaps,
// and a table behind it. The figure's markup is templates/components/chart.html; its data comes as JSON from
// data-chart-url (monitoring/charts/views.py).
import { increments, write, writeMoment, writeTimes } from "./formats.js";
import { loadPlotter } from "./plotter.js";

const COLOURS = 8;
const LEGEND_ENTRIES = 6;
const TABLE_ROWS = 120;
const PAGE_CURSOR = "page";
const charts = new Set();

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colour = (index) => css(`--pl-chart-${(index % COLOURS) + 1}`);
const element = (tag, className = "", text = "") => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
};

// A value between two gaps has no line to be seen by; it gets a point.
const lonePoints = (plot, series, isShown) => {
  if (isShown) return null;
  const values = plot.data[series];
  const isThere = (index) => values[index] !== null && values[index] !== undefined;
  return values.flatMap((_, index) => (isThere(index) && !isThere(index - 1) && !isThere(index + 1) ? [index] : []));
};

class Chart {
  constructor(figure) {
    this.figure = figure;
    this.spec = JSON.parse(figure.dataset.chart);
    this.plotArea = figure.querySelector("[data-chart-plot]");
    this.message = figure.querySelector("[data-chart-message]");
    this.legend = figure.querySelector("[data-chart-legend]");
    this.table = figure.querySelector("[data-chart-table]");
    this.reset = figure.querySelector("[data-chart-reset]");
    this.zoom = null;
    this.visible = false;
    this.loadedAt = 0;
    this.reset.addEventListener("click", () => zoomAll(null));
    this.table.addEventListener("toggle", () => this.drawTable());
    this.watchVisibility();
  }

  watchVisibility() {
    new IntersectionObserver((entries) => {
      this.visible = entries.at(-1).isIntersecting;
      if (this.visible) this.refreshIfDue();
    }, { rootMargin: "200px" }).observe(this.figure);
    new ResizeObserver(() => this.resize()).observe(this.plotArea);
  }

  get isLive() {
    return !this.zoom && this.spec.end === null && this.spec.refresh_seconds > 0;
  }

  refreshIfDue() {
    const age = (Date.now() - this.loadedAt) / 1000;
    if (this.loadedAt === 0 || (this.isLive && age >= this.spec.refresh_seconds)) this.load();
  }

  query() {
    const query = new URLSearchParams();
    if (this.spec.application_id) query.set("application", this.spec.application_id);
    for (const line of this.spec.lines) {
      query.append("query", line.query);
      query.append("legend", line.legend);
    }
    query.set("width", Math.max(200, Math.round(this.plotArea.clientWidth)));
    const fixed = this.zoom ?? (this.spec.end === null ? null : [this.spec.start, this.spec.end]);
    if (fixed) {
      query.set("start", fixed[0]);
      query.set("end", fixed[1]);
    } else {
      query.set("range", this.spec.range_seconds);
    }
    return query;
  }

  async load() {
    this.loadedAt = Date.now();
    this.request?.abort();
    this.request = new AbortController();
    try {
      const response = await fetch(`${this.figure.dataset.chartUrl}?${this.query()}`, {
        signal: this.request.signal,
        headers: { Accept: "application/json" },
      });
      if (response.redirected) return this.say("You are signed out. Reload the page to sign in.", "bad");
      if (response.status === 403) return this.say("Your account can't see figures. Ask an administrator for the right to view applications.");
      const body = await response.json();
      if (!response.ok) return this.say(body.error ?? "The server could not answer. It is asked again shortly.", "bad");
      this.show(body);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.say("The server can't be reached. What is shown may be old; it is asked again shortly.", "watch");
    }
  }

  say(text, state = "") {
    this.message.textContent = text;
    this.message.hidden = !text;
    this.message.dataset.state = state;
    this.figure.dataset.chartState = text ? (this.data ? "noted" : "empty") : "drawn";
  }

  async show(body) {
    this.data = body;
    if (body.series.length === 0) {
      this.plot?.destroy();
      this.plot = null;
      this.data = null;
      this.legend.replaceChildren();
      return this.say(this.spec.empty || "Nothing was reported in this time. New figures appear here by themselves.");
    }
    this.say(body.left_out ? `Showing ${body.series.length} of ${body.series.length + body.left_out} series. Narrow the query to see the others.` : "");
    const Plotter = await loadPlotter();
    const columns = [body.times, ...body.series.map((series) => series.values)];
    const shape = body.series.map((series) => series.name).join("\n");
    if (this.plot && this.shape === shape) {
      this.plot.setData(columns);
    } else {
      this.plot?.destroy();
      this.shape = shape;
      this.plot = new Plotter(this.options(body), columns, this.plotArea);
      this.drawLegend();
    }
    this.writeLegend(null);
    if (this.table.open) this.drawTable();
  }

  options(body) {
    const axis = { stroke: () => css("--pl-chart-axis"), font: "11px Inter, sans-serif", grid: { stroke: () => css("--pl-chart-grid"), width: 1 }, ticks: { show: false } };
    return {
      width: this.plotArea.clientWidth,
      height: this.plotArea.clientHeight,
      legend: { show: false },
      cursor: {
        sync: { key: PAGE_CURSOR, filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } },
        drag: { x: true, y: false, setScale: false },
        points: { size: 6 },
        y: false,
      },
      padding: [6, 18, 0, 0],
      scales: { x: { time: true, range: () => [this.data.start, this.data.end] }, y: { range: (_, low, high) => this.rangeOf(low, high) } },
      axes: [
        { ...axis, size: 24, space: 56, values: (_, marks) => writeTimes(marks, this.data.end - this.data.start) },
        { ...axis, size: (_, labels) => Math.max(36, ...(labels ?? []).map((label) => 12 + label.length * 6.3)), space: 28, incrs: increments(this.spec.unit), values: (_, marks) => marks.map((mark) => write(mark, this.spec.unit)) },
      ],
      series: [{}, ...body.series.map((series, index) => this.seriesOptions(index, body.series.length))],
      hooks: {
        setSelect: [(plot) => this.select(plot)],
        setCursor: [(plot) => this.writeLegend(plot.cursor.idx)],
        draw: [(plot) => this.drawThresholds(plot), (plot) => this.drawMarks(plot)],
      },
    };
  }

  seriesOptions(index, count) {
    return {
      stroke: () => colour(index),
      width: 1.6,
      fill: count === 1 ? () => `color-mix(in srgb, ${colour(index)} 12%, transparent)` : undefined,
      spanGaps: false,
      points: { show: (plot, series, from, to) => to - from < 3, filter: lonePoints, size: 5 },
    };
  }

  rangeOf(low, high) {
    if (low === null || high === null) return [0, 1];
    const thresholds = this.spec.thresholds.map((threshold) => threshold.value);
    const inView = thresholds.filter((value) => this.spec.fit_threshold || value <= high * 4);
    let top = Math.max(high, ...inView);
    if (this.spec.unit === "ratio" && top <= 1) return [Math.min(0, low), 1];
    const bottom = Math.min(0, low, ...inView);
    if (top === bottom) top = bottom + 1;
    return [bottom, bottom + (top - bottom) * 1.08];
  }

  select(plot) {
    if (plot.select.width < 8) return;
    const from = plot.posToVal(plot.select.left, "x");
    const to = plot.posToVal(plot.select.left + plot.select.width, "x");
    plot.setSelect({ width: 0, height: 0 }, false);
    if (to - from >= 20) zoomAll([Math.floor(from), Math.ceil(to)]);
  }

  setZoom(zoom) {
    this.zoom = zoom;
    this.reset.hidden = zoom === null;
    this.loadedAt = 0;
    if (this.visible) this.load();
  }

  drawThresholds(plot) {
    const height = 13 * devicePixelRatio;
    const { left, top, width } = plot.bbox;
    const lines = this.spec.thresholds
      .map((threshold) => ({ threshold, y: plot.valToPos(threshold.value, "y", true) }))
      .filter(({ y }) => y >= top && y <= top + plot.bbox.height);
    for (const { threshold, y } of lines) {
      // The label stands above its line, below it at the top edge, and nowhere if another line would run through it.
      const below = y - height < top;
      const [from, to] = below ? [y, y + height] : [y - height, y];
      const isFree = lines.every((other) => other.y === y || other.y < from || other.y > to);
      const label = isFree ? threshold.label || write(threshold.value, this.spec.unit) : "";
      this.drawLine(plot, [left, y], [left + width, y], threshold.state, label, below);
    }
  }

  drawMarks(plot) {
    for (const mark of this.spec.marks) {
      if (mark.at < this.data.start || mark.at > this.data.end) continue;
      const x = plot.valToPos(mark.at, "x", true);
      this.drawLine(plot, [x, plot.bbox.top], [x, plot.bbox.top + plot.bbox.height], mark.state, mark.label);
    }
  }

  drawLine(plot, from, to, state, label, below = false) {
    const { ctx } = plot;
    const ratio = devicePixelRatio;
    const isVertical = from[0] === to[0];
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = css(`--pl-${state}-line`);
    ctx.lineWidth = 1.2 * ratio;
    ctx.setLineDash([5 * ratio, 4 * ratio]);
    ctx.beginPath();
    ctx.moveTo(...from);
    ctx.lineTo(...to);
    ctx.stroke();
    ctx.font = `${10 * ratio}px Inter, sans-serif`;
    // Beside a vertical line, on the side that has the room.
    const isRight = isVertical && from[0] + 4 * ratio + ctx.measureText(label).width < plot.bbox.left + plot.bbox.width;
    ctx.textAlign = isRight ? "left" : "right";
    ctx.textBaseline = isVertical || below ? "top" : "bottom";
    const offset = isVertical || below ? 2 * ratio : -2 * ratio;
    ctx.fillText(label, isRight ? from[0] + 4 * ratio : to[0] - 4 * ratio, (isVertical ? from[1] : to[1]) + offset);
    ctx.restore();
  }

  drawLegend() {
    const { series } = this.data;
    const entries = series.slice(0, LEGEND_ENTRIES).map((one, index) => {
      const entry = element("li", "pl-chart__entry");
      const swatch = element("span", "pl-chart__swatch");
      swatch.dataset.colour = (index % COLOURS) + 1;
      const name = element("span", "pl-chart__name", one.name);
      name.title = Object.entries(one.labels).map(([key, value]) => `${key}="${value}"`).join("\n");
      entry.append(swatch, name, element("strong", "pl-chart__value"));
      entry.addEventListener("mouseenter", () => this.plot?.setSeries(index + 1, { focus: true }));
      return entry;
    });
    if (series.length > LEGEND_ENTRIES) entries.push(element("li", "pl-chart__entry", `and ${series.length - LEGEND_ENTRIES} more`));
    this.legend.replaceChildren(...entries);
  }

  writeLegend(index) {
    if (!this.data) return;
    this.legend.querySelectorAll(".pl-chart__value").forEach((slot, number) => {
      const { values } = this.data.series[number];
      const value = index === null || index === undefined ? values.findLast((one) => one !== null) : values[index];
      slot.textContent = write(value, this.spec.unit);
      slot.title = value ?? "";
    });
    this.legend.title = index === null || index === undefined ? "Latest" : writeMoment(this.data.times[index]);
  }

  drawTable() {
    if (!this.table.open || !this.data) return;
    const { times, series } = this.data;
    const every = Math.ceil(times.length / TABLE_ROWS);
    const table = element("table");
    const head = table.createTHead().insertRow();
    for (const name of ["Time", ...series.map((one) => one.name)]) head.append(element("th", "", name));
    const rows = table.createTBody();
    for (let index = times.length - 1; index >= 0; index -= every) {
      const row = rows.insertRow();
      row.insertCell().textContent = writeMoment(times[index]);
      for (const one of series) row.insertCell().textContent = write(one.values[index], this.spec.unit);
    }
    this.table.querySelector(".pl-chart__scroll").replaceChildren(table);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.plotArea;
    if (this.plot && width > 0 && (width !== this.plot.width || height !== this.plot.height)) this.plot.setSize({ width, height });
  }
}

/** Show the same stretch of time in every chart of the page; null goes back to what each shows by itself. */
function zoomAll(zoom) {
  for (const chart of charts) chart.setZoom(zoom);
}

/** Start the charts under `root` that are not running yet. */
export function startCharts(root) {
  const figures = [...root.querySelectorAll("[data-chart]")];
  if (root.matches?.("[data-chart]")) figures.push(root);
  for (const figure of figures) {
    if (figure.dataset.chartStarted) continue;
    figure.dataset.chartStarted = "yes";
    charts.add(new Chart(figure));
  }
}

setInterval(() => {
  for (const chart of charts) {
    if (!chart.figure.isConnected) {
      chart.plot?.destroy();
      charts.delete(chart);
    } else if (chart.visible && !document.hidden) {
      chart.refreshIfDue();
    }
  }
}, 1000);
document.addEventListener("visibilitychange", () => !document.hidden && charts.forEach((chart) => chart.visible && chart.refreshIfDue()));
new MutationObserver(() => charts.forEach((chart) => chart.plot?.redraw(false))).observe(document.documentElement, {
  attributes: true,
  attributeFilter: ["class"],
});
