// Interactive merge trees, drawn by plotly. What stands in data becomes text, never markup.
"use strict";
(() => {
  const get = (id) => document.getElementById(id);
  const trees = JSON.parse(get("tree-data").textContent);
  const colours = ["#4c72b0", "#dd8452", "#55a868", "#c44e52", "#8172b3", "#937860"];
  const options = { displayModeBar: false, responsive: true };
  const layout = (height, x, y) => ({
    height, margin: { l: 60, r: 15, t: 10, b: 45 }, showlegend: false, hovermode: "closest",
    xaxis: { title: { text: x }, zeroline: false }, yaxis: { title: { text: y }, zeroline: false },
  });
  const count = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
  const short = (value) => String(Number(value.toPrecision(5)));

  // A branch as a line of many points, each of which can be clicked.
  function branch(tree, valley, k) {
    const x = [], y = [];
    for (let t = 0; t <= 20; t++) {
      x.push(valley.place);
      y.push(valley.loss + (valley.top - valley.loss) * t / 20);
    }
    const goal = valley.parent < 0 ? valley.place : tree.valleys[valley.parent].place;
    for (let t = 1; t <= 20 && goal !== valley.place; t++) {
      x.push(valley.place + (goal - valley.place) * t / 20);
      y.push(valley.top);
    }
    const text = valley.parent < 0 ? `valley ${k}, never merges` : `valley ${k} merges at ${short(valley.top)}`;
    return { x, y, text, mode: "lines", hoverinfo: "text", line: { color: colours[valley.positive % 6], width: 2 } };
  }

  function show(tree, k, saddle) {
    const valley = tree.valleys[k], own = saddle ? valley.saddle : valley.leaf;
    get("tree-part").value = saddle ? `${k} saddle` : `${k}`;
    get("tree-about").textContent = saddle
      ? `Saddle at loss ${short(valley.top)}, where valley ${k} merges into valley ${valley.parent}.`
      : `Valley ${k}${valley.spurious ? ", spurious" : ""}: least loss ${short(valley.loss)}, `
        + `${count(valley.positive, "positive output weight")}, ${count(valley.starts, "start")} end here, `
        + `certificate: ${valley.verdict}.`;
    const [x, y] = own.fit, samples = { x: tree.samples[0], y: tree.target, mode: "markers", marker: { color: "#555", symbol: "cross-thin-open" } };
    const fit = { x, y, mode: tree.line ? "lines" : "markers", line: { color: "#0b5fa5" }, marker: { color: "#0b5fa5" } };
    Plotly.react("tree-fit", [samples, fit], layout(250, tree.line ? "input" : "target", tree.line ? "network" : "network (crosses: target)"), options);
    get("tree-path").hidden = !saddle;
    if (saddle) {
      const [way, loss] = own.path;
      Plotly.react("tree-path", [{ x: way, y: loss, mode: "lines" }], layout(250, "share of the path", "loss"), options);
    }
    const d = own.neurons[0].length - 1;
    const head = [...Array(d).keys()].map((j) => `a${j + 1}`).concat("c");
    get("tree-neurons").replaceChildren(...[head, ...own.neurons].map((cells, i) => {
      const line = document.createElement("tr");
      line.append(...cells.map((cell) => {
        const made = document.createElement(i ? "td" : "th");
        made.textContent = i ? short(cell) : cell;
        if (!i) made.scope = "col";
        made.className = "number";
        return made;
      }));
      return line;
    }));
  }

  function draw() {
    const tree = trees[get("tree-choice").value], most = Math.max(1, ...tree.valleys.map((v) => v.starts));
    const leaves = {
      x: tree.valleys.map((v) => v.place), y: tree.valleys.map((v) => v.loss), mode: "markers", hoverinfo: "text",
      text: tree.valleys.map((v, k) => `valley ${k}: loss ${short(v.loss)}, ${count(v.starts, "start")}`),
      marker: { size: tree.valleys.map((v) => 8 + 16 * Math.sqrt(v.starts / most)), opacity: 1,
        color: tree.valleys.map((v) => colours[v.positive % 6]) },
    };
    const made = layout(560, "valleys (colours: positive output weights)", "loss");
    made.xaxis.showticklabels = made.xaxis.showgrid = false;
    Plotly.react("tree-plot", [...tree.valleys.map((v, k) => branch(tree, v, k)), leaves], made, options);
    get("tree-part").replaceChildren(...tree.valleys.flatMap((v, k) => [
      new Option(`valley ${k}: loss ${short(v.loss)}`, `${k}`),
      ...(v.parent < 0 ? [] : [new Option(`saddle of valley ${k}: loss ${short(v.top)}`, `${k} saddle`)]),
    ]));
    show(tree, 0, false);
  }

  trees.forEach((tree, k) => get("tree-choice").append(new Option(tree.title, k)));
  get("tree-choice").addEventListener("change", draw);
  get("tree-part").addEventListener("change", ({ target }) => {
    const [k, saddle] = target.value.split(" ");
    show(trees[get("tree-choice").value], Number(k), Boolean(saddle));
  });
  draw();
  get("tree-plot").on("plotly_click", ({ points: [point] }) => {
    const tree = trees[get("tree-choice").value], { xaxis, yaxis } = get("tree-plot")._fullLayout;
    const k = point.curveNumber === tree.valleys.length ? point.pointNumber : point.curveNumber;
    const valley = tree.valleys[k];
    // Short branches lie under their leaves: what is within a leaf means the leaf.
    const x = xaxis.l2p(point.x) - xaxis.l2p(valley.place), y = yaxis.l2p(point.y) - yaxis.l2p(valley.loss);
    show(tree, k, Math.hypot(x, y) > 8 && valley.parent >= 0);
  });
})();
