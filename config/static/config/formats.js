// How numbers and times are written, the same everywhere in the admin. Twin of config/figures.py.

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const DECIMAL = ["", "k", "M", "G", "T"];

function digits(value, most = 2) {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toString();
  if (size >= 10) return String(Number(value.toFixed(Math.min(most, 1))));
  if (size >= 0.01 || size === 0) return String(Number(value.toFixed(most)));
  return value.toPrecision(2);
}

function scale(value, base, names) {
  let power = 0;
  let size = Math.abs(value);
  while (size >= base && power < names.length - 1) {
    size /= base;
    power += 1;
  }
  return [value / base ** power, names[power]];
}

function short(value) {
  const [number, suffix] = scale(value, 1000, DECIMAL);
  return suffix ? `${digits(number)} ${suffix}` : digits(number);
}

function bytes(value) {
  const [number, suffix] = scale(value, 1024, BINARY);
  return `${digits(number)} ${suffix}`;
}

function seconds(value) {
  const size = Math.abs(value);
  if (size === 0) return "0 s";
  if (size < 0.001) return `${digits(value * 1e6)} µs`;
  if (size < 1) return `${digits(value * 1000)} ms`;
  if (size < 120) return `${digits(value)} s`;
  if (size < 7200) return `${digits(value / 60)} min`;
  if (size < 172800) return `${digits(value / 3600)} h`;
  return `${digits(value / 86400)} d`;
}

const WRITERS = {
  number: short,
  ratio: (value) => `${digits(value * 100)} %`,
  bytes,
  bytes_per_second: (value) => `${bytes(value)}/s`,
  seconds,
  per_second: (value) => `${short(value)}/s`,
};

/** Write a number of a unit for people: 0.42 as "42 %", 1536 bytes as "1.5 KiB". Nothing known: a dash. */
export function write(value, unit) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return (WRITERS[unit] ?? short)(value);
}

/** Distances between axis marks that read well in the unit: powers of two for bytes, of ten for the rest. */
export function increments(unit) {
  const steps = [];
  if (unit.startsWith("bytes")) {
    for (let power = 0; power < 60; power += 1) steps.push(2 ** power);
    return steps;
  }
  for (let power = -9; power < 16; power += 1) for (const factor of [1, 2, 2.5, 5]) steps.push(factor * 10 ** power);
  return steps;
}

const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** Write a moment (epoch seconds) in the reader's own zone and manner. */
export function writeMoment(epochSeconds) {
  return MOMENT.format(new Date(epochSeconds * 1000));
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const CLOCK_SECONDS = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** Write the marks of a time axis: clock times, days where a day begins or the stretch is long. */
export function writeTimes(marks, spanSeconds) {
  const clock = marks.length > 1 && marks[1] - marks[0] < 60 ? CLOCK_SECONDS : CLOCK;
  return marks.map((mark) => {
    const moment = new Date(mark * 1000);
    const isMidnight = moment.getHours() === 0 && moment.getMinutes() === 0 && moment.getSeconds() === 0;
    return spanSeconds > 3 * 86400 || (isMidnight && spanSeconds > 3 * 3600) ? DAY.format(moment) : clock.format(moment);
  });
}
