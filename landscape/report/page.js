// Tables of the report: search, sort, links to rows, saving. No library, no request.
"use strict";

const PAGE = 100; // rows that are drawn at once; "more" draws as many again
const $ = (selector) => document.querySelector(selector);
const schemas = JSON.parse($("#schemas").textContent);
const state = { table: null, sort: null, down: false, shown: PAGE, rows: [] };

// --- reading ---------------------------------------------------------------------------------

// Rows of a CSV text (RFC 4180): quoted cells may hold commas, quotes and line ends.
function parseCsv(text) {
  const rows = [];
  let row = [], cell = "", quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') { cell += '"'; i++; }
      else quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === ",") { row.push(cell); cell = ""; }
    else if (c === "\n") { row.push(cell); rows.push(row); row = []; cell = ""; }
    else cell += c;
  }
  if (cell !== "" || row.length) { row.push(cell); rows.push(row); }
  return rows;
}

const csvOf = (name) => JSON.parse(document.getElementById("csv-" + name).textContent);

const read = {};
function table(name) {
  if (!read[name]) {
    const rows = parseCsv(csvOf(name)).slice(1);
    read[name] = { rows, texts: rows.map((row) => row.join("\u0001").toLowerCase()) };
  }
  return read[name];
}

function toNumber(text) {
  if (text === "") return NaN;
  if (text === "inf") return Infinity;
  if (text === "-inf") return -Infinity;
  return Number(text);
}

// --- searching -------------------------------------------------------------------------------

// Words anywhere; column=value, column!=value, column:part, column<number, <=, >, >=; "..." for spaces.
function parseSearch(text) {
  const terms = [];
  for (const match of text.matchAll(/(?:([\w.]+)(!=|<=|>=|=|:|<|>))?(?:"([^"]*)"|(\S+))/g)) {
    const value = match[3] !== undefined ? match[3] : match[4];
    terms.push({ column: match[1], sign: match[2], value: value.toLowerCase() });
  }
  return terms;
}

const SIGNS = {
  "=": (cell, value) => cell.toLowerCase() === value || (value !== "" && toNumber(cell) === toNumber(value)),
  "!=": (cell, value) => !SIGNS["="](cell, value),
  ":": (cell, value) => cell.toLowerCase().includes(value),
  "<": (cell, value) => toNumber(cell) < toNumber(value),
  ">": (cell, value) => toNumber(cell) > toNumber(value),
  "<=": (cell, value) => toNumber(cell) <= toNumber(value),
  ">=": (cell, value) => toNumber(cell) >= toNumber(value),
};

// The numbers of the rows that meet all terms. A table without a term's column meets none of them.
function find(name, terms) {
  const names = schemas[name].columns.map((column) => column.name);
  const { rows, texts } = table(name);
  const tests = terms.map(({ column, sign, value }) => {
    if (!column) return (k) => texts[k].includes(value);
    const place = names.indexOf(column);
    return place < 0 ? () => false : (k) => SIGNS[sign](rows[k][place], value);
  });
  return rows.map((_, k) => k).filter((k) => tests.every((test) => test(k)));
}

// --- showing ---------------------------------------------------------------------------------

function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// Five digits to look at; the title has all of them.
function brief(text) {
  const value = toNumber(text);
  if (text === "" || !Number.isFinite(value) || text.length < 8) return text;
  return String(Number(value.toPrecision(5))).replace("e-", "e−").replace(/^-/, "−");
}

function sorted(name, numbers) {
  if (state.sort === null) return numbers;
  const { rows } = table(name), k = state.sort, turn = state.down ? -1 : 1;
  const text = schemas[name].columns[k].type === "text";
  const value = text ? (i) => rows[i][k] : (i) => toNumber(rows[i][k]);
  // Missing numbers go last in both directions.
  return [...numbers].sort((a, b) => {
    const x = value(a), y = value(b);
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
    return x < y ? -turn : x > y ? turn : 0;
  });
}

function show() {
  const name = state.table, { columns, title, key } = schemas[name];
  const terms = parseSearch($("#search").value);
  for (const tab of document.querySelectorAll("#tabs button")) {
    const own = tab.dataset.table, all = table(own).rows.length, found = find(own, terms).length;
    tab.lastChild.textContent = terms.length ? `${found} / ${all}` : String(all);
    tab.setAttribute("aria-pressed", own === name);
    tab.classList.toggle("none", found === 0);
  }
  state.rows = sorted(name, find(name, terms));
  const all = table(name).rows.length;
  const words = $("#search").value.trim();
  const unknown = terms.filter((t) => t.column && !columns.some((c) => c.name === t.column));
  $("#count").textContent = `${state.rows.length} of ${all} rows` + (unknown.length
    ? ` (no column ${unknown.map((t) => t.column).join(", ")} in ${name})` : "");
  $("#about").textContent = `${title} Rows are identified by ${key.join(", ")}.`;
  $("#link").href = `#rows/${name}/${encodeURIComponent(words)}`;
  const head = element("tr");
  columns.forEach((column, k) => {
    const meaning = new DOMParser().parseFromString(column.html, "text/html").body.textContent;
    const cell = element("th", "", { scope: "col", title: meaning });
    const arrow = state.sort === k ? (state.down ? " ↓" : " ↑") : "";
    const button = element("button", column.name + arrow, { type: "button" });
    cell.setAttribute("aria-sort", state.sort === k ? (state.down ? "descending" : "ascending") : "none");
    button.addEventListener("click", () => {
      if (state.sort !== k) { state.sort = k; state.down = false; }
      else if (!state.down) state.down = true;
      else state.sort = null;
      show();
    });
    cell.append(button);
    head.append(cell);
  });
  $("#rows thead").replaceChildren(head);
  const body = document.createDocumentFragment();
  for (const k of state.rows.slice(0, state.shown)) {
    const line = element("tr");
    table(name).rows[k].forEach((value, c) => {
      const isText = columns[c].type === "text";
      const cell = element("td", isText ? value : brief(value), isText ? {} : { title: value, class: "number" });
      if (columns[c].type === "text" && value.length > 40) cell.className = "long";
      line.append(cell);
    });
    body.append(line);
  }
  $("#rows tbody").replaceChildren(body);
  const rest = state.rows.length - state.shown;
  $("#more").hidden = rest <= 0;
  $("#more").textContent = `${Math.min(rest, PAGE)} more of ${rest}`;
  const list = columns.map((column) => {
    const line = element("li");
    const meaning = element("span");
    meaning.innerHTML = column.html; // made with the page, of words of its own
    line.append(element("code", column.name), " ", meaning);
    return line;
  });
  $("#columns ul").replaceChildren(...list);
}

function open(name, words) {
  Object.assign(state, { table: name, sort: null, down: false, shown: PAGE });
  $("#search").value = words;
  show();
}

// A link #rows/<table>/<search> opens the table at its rows.
function follow() {
  const [kind, name, words] = location.hash.slice(1).split("/");
  if (kind !== "rows" || !(name in schemas)) return;
  open(name, decodeURIComponent(words || ""));
  $("#tables").scrollIntoView();
}

// --- saving ----------------------------------------------------------------------------------

function save(name, content, type) {
  const link = element("a", "", { download: name, href: URL.createObjectURL(new Blob([content], { type })) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function quoted(cell) {
  return /[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

for (const button of document.querySelectorAll("button[data-figure]")) {
  button.addEventListener("click", () => {
    const source = document.getElementById(button.dataset.figure).src;
    const bytes = Uint8Array.from(atob(source.split(",")[1]), (c) => c.charCodeAt(0));
    save(`${button.dataset.figure.replace("figure-", "")}.svg`, bytes, "image/svg+xml");
  });
}
$("#save-all").addEventListener("click", () => save(`${state.table}.csv`, csvOf(state.table), "text/csv"));
$("#save-rows").addEventListener("click", () => {
  const names = schemas[state.table].columns.map((column) => column.name);
  const rows = [names, ...state.rows.map((k) => table(state.table).rows[k])];
  save(`${state.table}-selected.csv`, rows.map((row) => row.map(quoted).join(",") + "\n").join(""), "text/csv");
});
$("#more").addEventListener("click", () => { state.shown += PAGE; show(); });
$("#search").addEventListener("input", () => { state.shown = PAGE; show(); });
for (const tab of document.querySelectorAll("#tabs button")) {
  tab.addEventListener("click", () => {
    Object.assign(state, { table: tab.dataset.table, sort: null, down: false, shown: PAGE });
    show();
  });
}
addEventListener("hashchange", follow);
open(Object.keys(schemas)[0], "");
follow();
document.documentElement.dataset.ready = "yes";
