"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("script");
  const all = (selector, place = document) => [...place.querySelectorAll(selector)];
  const make = (tag, set = {}, ...inside) => { const made = Object.assign(document.createElement(tag), set); made.append(...inside); return made; };
  const save = (name, text, type) => {
    const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const page = (document.title.split(":")[0] || "epigpt").replace(/[^\w-]+/g, "_");
  const variable = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const redraws = [], longDrawn = [];

  // Inside Snakemake's own report each page lies in a folder of its own; in its form of one file there is no other page to lead to.
  // The folders are named by as many digits of a hash as this page's own.
  const packed = location.pathname.match(/\/data\/raw\/([0-9a-f]{8,64})\/[^/]*$/);
  if (packed) all("a[data-packed]").forEach((link) => { link.href = `../${link.dataset.packed.slice(0, packed[1].length)}/report.html`; });
  if (location.protocol === "data:") all("a[data-packed]").forEach((link) => link.replaceWith(...link.childNodes));

  // Dark or light: the system's choice until the reader makes one.
  const theme = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const tellTheme = () => { if (theme) theme.setAttribute("aria-pressed", String(isDark())); redraws.forEach((draw) => draw()); };
  if (theme) theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; tellTheme(); });
  system.addEventListener("change", tellTheme);

  // Tables in the page: sorting, searching, unfolding, saving.
  const compare = (a, b) => {
    const [x, y] = [parseFloat(a), parseFloat(b)];
    const plain = (text) => /^\s*-?[\d.]+(e[+-]?\d+)?\s*$/i.test(text);
    if (a === "" || b === "") return (a === "") - (b === "");
    return plain(a) && plain(b) ? x - y : a.localeCompare(b, "en", { numeric: true });
  };
  const valueOf = (cell) => cell.dataset.value ?? cell.textContent.replace(/^–$/, "").trim();
  const tsv = (rows) => rows.map((row) => row.map((value) => String(value ?? "").replace(/[\t\r\n]+/g, " ")).join("\t")).join("\n") + "\n";
  const mark = (table, column, direction) => all("thead th", table).forEach((head, at) => {
    if (at === column) head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending"); else head.removeAttribute("aria-sort");
  });
  all("table[data-table]").forEach((table) => {
    const id = table.dataset.table, place = document.getElementById("table-" + id), body = table.tBodies[0];
    const rows = [...body.rows], shown = all(`[data-shown="${id}"]`, place)[0], most = Number(place.dataset.folded) || 25;
    const filters = all(`[data-filter="${id}"]`);
    let sorted = -1, direction = 1, query = "", open = rows.length <= most;
    const more = make("button", { type: "button" });
    if (!open) shown.after(more);
    const refresh = () => {
      let seen = 0, fit = 0;
      for (const row of body.rows) {
        const wanted = (!query || row.textContent.toLowerCase().includes(query)) && filters.every((filter) => !filter.value || row.cells[Number(filter.dataset.column)].textContent.trim() === filter.value);
        if (wanted) fit += 1;
        row.hidden = !wanted || (!open && !query && seen >= most);
        if (!row.hidden) seen += 1;
      }
      shown.textContent = rows.length > 1 ? (fit === rows.length && seen === fit ? `${fit.toLocaleString("en")} rows` : `${seen.toLocaleString("en")} of ${(query || seen === fit ? rows.length : fit).toLocaleString("en")} rows`) : "";
      more.textContent = open ? "Show fewer" : `Show all ${rows.length.toLocaleString("en")}`;
    };
    more.addEventListener("click", () => { open = !open; refresh(); });
    all("[data-sort]", table).forEach((button) => button.addEventListener("click", () => {
      const column = Number(button.dataset.sort);
      direction = sorted === column ? -direction : 1;
      sorted = column;
      const order = [...body.rows].map((row, at) => [valueOf(row.cells[column]), at, row]);
      order.sort((a, b) => (a[0] === "" || b[0] === "" ? compare(a[0], b[0]) : direction * compare(a[0], b[0])) || a[1] - b[1]);
      body.append(...order.map((entry) => entry[2]));
      mark(table, column, direction);
      refresh();
    }));
    all(`[data-search="${id}"]`).forEach((field) => field.addEventListener("input", () => { query = field.value.trim().toLowerCase(); refresh(); }));
    filters.forEach((filter) => filter.addEventListener("change", () => { open = true; refresh(); }));
    all(`[data-tsv="${id}"]`).forEach((button) => button.addEventListener("click", () =>
      save(`${page}_${id}.tsv`, tsv([all("thead th", table).map((head) => head.textContent.trim()), ...[...body.rows].map((row) => [...row.cells].map(valueOf))]), "text/tab-separated-values")));
    addEventListener("beforeprint", () => { for (const row of body.rows) row.hidden = false; [...body.rows].slice(Math.max(most, 25)).forEach((row) => { row.hidden = true; }); });
    addEventListener("afterprint", refresh);
    refresh();
  });

  // On paper what a reader must be able to cite is open; what only repeats files stays closed.
  let opened = [];
  addEventListener("beforeprint", () => { opened.push(...all("details[data-print]:not([open])")); opened.forEach((one) => { one.open = true; }); });
  addEventListener("afterprint", () => { opened.forEach((one) => { one.open = false; }); opened = []; });

  // The appendix stands behind headings that open: by a click, all at once, or by a link to what is inside.
  const openAround = (target) => { for (let place = target; place; place = place.parentElement) if (place.tagName === "DETAILS") place.open = true; };
  const reveal = (id) => {
    const target = id && document.getElementById(id);
    if (!target) return;
    all(":scope > details.section", target).forEach((one) => { one.open = true; });
    openAround(target);
    target.scrollIntoView();
  };
  const ofHash = () => { try { reveal(decodeURIComponent(location.hash.slice(1))); } catch { /* a hash that is no text leads nowhere */ } };
  addEventListener("hashchange", ofHash);
  all("nav a").forEach((link) => link.addEventListener("click", () => reveal(link.getAttribute("href").slice(1))));
  const opener = document.getElementById("open-all");
  if (opener) opener.addEventListener("click", () => {
    const parts = all("details.section"), shut = parts.some((one) => !one.open);
    parts.forEach((one) => { one.open = shut; });
    opener.textContent = shut ? "Close all" : "Open all";
  });
  if (location.hash) addEventListener("load", ofHash);

  // Long tables: the rows come as columns of numbers and are shown a page at a time.
  all("table[data-long]").forEach((table) => {
    const id = table.dataset.long, place = document.getElementById("table-" + id), body = table.tBodies[0];
    const data = JSON.parse(document.getElementById("data-" + id).textContent);
    const columns = data.columns.map((column, at) => ((data.coded || []).includes(at) ? column.map((code) => data.levels[code]) : column));
    const numeric = columns.map((column) => column.every((value) => value === null || typeof value === "number"));
    const total = columns[0].length, size = Number(table.dataset.size) || 20, pages = all(`[data-pages="${id}"]`, place)[0], shown = all(`[data-shown="${id}"]`, place)[0];
    let order = Array.from({ length: total }, (_, at) => at), found = order, at = 0, sorted = -1, direction = 1, query = "";
    // Three significant digits, as in the rows that come drawn.
    const text = (value) => {
      if (typeof value !== "number") return value === null ? "–" : value;
      const size = Math.abs(value);
      const minus = (digits) => digits.replace(/^-/, "−");
      if (size >= 1e12 || (size < 1e-3 && size > 0)) return minus(value.toExponential(2).replace(/e([+-])(\d)$/, "e$10$2"));
      return minus(Number.isInteger(value) || size >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(size)))));
    };
    const draw = () => {
      body.replaceChildren(...found.slice(at * size, (at + 1) * size).map((row) => make("tr", {}, ...columns.map((column, c) => {
        const cell = make(c ? "td" : "th", { className: numeric[c] ? "number" : "short" }, make("bdi", {}, text(column[row])));
        if (!c) cell.scope = "row";
        return cell;
      }))).map((line, i) => { line.dataset.row = String(found[at * size + i]); return line; }));
      longDrawn.forEach((tell) => tell(id));
      const last = Math.max(1, Math.ceil(found.length / size));
      pages.hidden = last < 2;
      pages.children[1].textContent = `page ${at + 1} of ${last.toLocaleString("en")}`;
      pages.children[0].disabled = at === 0;
      pages.children[2].disabled = at === last - 1;
      shown.textContent = `${found.length === total ? "" : `${found.length.toLocaleString("en")} of `}${total.toLocaleString("en")} rows`;
    };
    const refresh = () => {
      found = query ? order.filter((row) => columns.some((column, c) => !numeric[c] && String(column[row]).toLowerCase().includes(query))) : order;
      at = 0;
      draw();
    };
    all("[data-sort]", table).forEach((button) => button.addEventListener("click", () => {
      const c = Number(button.dataset.sort), column = columns[c];
      direction = sorted === c ? -direction : 1;
      sorted = c;
      order = [...order].sort((a, b) => {
        const [x, y] = [column[a], column[b]];
        if (x === null || y === null) return (x === null) - (y === null);
        return direction * (numeric[c] ? x - y : String(x).localeCompare(String(y), "en", { numeric: true }));
      });
      mark(table, c, direction);
      refresh();
    }));
    all(`[data-search="${id}"]`).forEach((field) => field.addEventListener("input", () => { query = field.value.trim().toLowerCase(); refresh(); }));
    all("[data-page]", pages).forEach((button) => button.addEventListener("click", () => { at += Number(button.dataset.page); draw(); }));
    all(`[data-tsv="${id}"]`).forEach((button) => button.addEventListener("click", () =>
      save(`${page}_${id}.tsv`, tsv([all("thead th", table).map((head) => head.textContent.trim()), ...found.map((row) => columns.map((column) => column[row]))]), "text/tab-separated-values")));
    addEventListener("beforeprint", () => { at = 0; draw(); });
    refresh();
  });

  const signs = [
    (c, x, y, r) => c.arc(x, y, r, 0, 7), (c, x, y, r) => c.rect(x - r * .85, y - r * .85, r * 1.7, r * 1.7),
    (c, x, y, r) => { c.moveTo(x, y - r * 1.3); c.lineTo(x + r * 1.1, y); c.lineTo(x, y + r * 1.3); c.lineTo(x - r * 1.1, y); c.closePath(); },
    (c, x, y, r) => { c.moveTo(x, y - r * 1.2); c.lineTo(x + r * 1.1, y + r * .9); c.lineTo(x - r * 1.1, y + r * .9); c.closePath(); },
    (c, x, y, r) => { c.moveTo(x, y + r * 1.2); c.lineTo(x + r * 1.1, y - r * .9); c.lineTo(x - r * 1.1, y - r * .9); c.closePath(); },
  ];

  // One gene, sample by sample, chosen in the volcano plot, the gene table, the heat map or by its name.
  all(".explorer").forEach((place) => {
    const data = JSON.parse(all("script", place)[0].textContent), id = place.dataset.genes;
    const table = JSON.parse(document.getElementById("data-" + id).textContent), role = table.roles, columns = table.columns;
    const body = document.querySelector(`table[data-long="${id}"]`).tBodies[0];
    const field = all("input.gene", place)[0], list = all(".found", place)[0], told = all(".told", place)[0];
    const scale = all("select.scale", place)[0], which = all(".contrast select", place)[0];
    const symbols = columns[role.symbol], ids = role.gene === undefined ? symbols : columns[role.gene];
    const stored = new Map(data.genes.map((gene, at) => [gene, at])), bySymbol = new Map(data.symbols.map((symbol, at) => [symbol, at]));
    const place64 = new Map([...data.digits].map((digit, at) => [digit, at])), n = data.samples.length;
    const valuesOf = (gene, part) => {
      const { text, top } = data[part];
      return Array.from({ length: n }, (_, s) => { const at = 2 * (gene * n + s); return Math.expm1((64 * place64.get(text[at]) + place64.get(text[at + 1])) / 4095 * top); });
    };
    let contrast = 0, row = -1, hovered = -1, spots = [], dots = [], over = -1;
    const rowsOf = () => symbols.map((_, at) => at).filter((at) => role.contrast === undefined || columns[role.contrast][at] === contrast);
    let inside = rowsOf();
    if (data.contrasts.length > 1) {
      which.parentElement.hidden = false;
      data.contrasts.forEach((name, at) => which.append(make("option", { value: String(at) }, name)));
      which.addEventListener("change", () => { contrast = Number(which.value); inside = rowsOf(); drawVolcano(); });
    }
    const name = (at) => symbols[at] || ids[at];
    const short = (value) => value === null ? "–" : Math.abs(value) >= 0.01 && Math.abs(value) < 1e5 ? Number(value.toPrecision(3)).toLocaleString("en") : value === 0 ? "0" : value.toExponential(1);
    const canvasIn = (figure) => { const made = make("canvas", { tabIndex: 0 }); made.setAttribute("role", "img"); all(figure, place)[0].append(made); return made; };
    const start = (canvas) => {
      const box = canvas.getBoundingClientRect(), dense = window.devicePixelRatio || 1, wide = Math.max(160, box.width), tall = wide * .8;
      canvas.width = wide * dense; canvas.height = tall * dense;
      const c = canvas.getContext("2d"); c.scale(dense, dense); c.font = "12px system-ui, sans-serif";
      return [c, wide, tall];
    };
    const axis = (c, wide, tall, x, y) => {
      c.fillStyle = variable("--muted"); c.textAlign = "center"; c.fillText(x, (wide + 34) / 2, tall - 6);
      c.save(); c.translate(12, tall / 2); c.rotate(-Math.PI / 2); c.fillText(y, 0, 0); c.restore();
    };
    const steps = (low, high) => { const rough = (high - low) / 4 || 1, unit = 10 ** Math.floor(Math.log10(rough)), step = [1, 2, 5, 10].find((m) => m * unit >= rough) * unit; const found = []; for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) found.push(Math.abs(v) < step * 1e-6 ? 0 : v); return found; };
    const volcano = canvasIn(".volcano"), values = canvasIn(".values"), title = all(".values figcaption", place)[0];
    const drawVolcano = () => {
      const [c, wide, tall] = start(volcano), left = 42, low = 34, right = 10, high = 12;
      const change = columns[role.log2_fold_change], p = columns[role.p], padj = columns[role.padj];
      const smallest = inside.reduce((a, at) => (p[at] > 0 && p[at] < a ? p[at] : a), 1);
      const height = (at) => -Math.log10(Math.max(p[at] ?? 1, smallest));
      const reach = inside.reduce((a, at) => Math.max(a, padj[at] === null ? 0 : Math.abs(change[at] ?? 0)), 0) || inside.reduce((a, at) => Math.max(a, Math.abs(change[at] ?? 0)), 1);
      const top = inside.reduce((a, at) => Math.max(a, height(at)), 0) * 1.06 || 1;
      const x = (value) => left + (Math.max(-reach, Math.min(reach, value)) / reach + 1) / 2 * (wide - left - right), y = (value) => tall - low - value / top * (tall - low - high);
      c.strokeStyle = variable("--line"); c.lineWidth = 1; c.fillStyle = variable("--muted");
      steps(-reach, reach).forEach((v) => { c.textAlign = "center"; c.fillText(short(v).replace("-", "−"), x(v), tall - low + 14); if (v === 0) { c.beginPath(); c.moveTo(x(0), high); c.lineTo(x(0), tall - low); c.stroke(); } });
      steps(0, top).forEach((v) => { c.textAlign = "right"; c.fillText(short(v), left - 4, y(v) + 4); c.beginPath(); c.moveTo(left, y(v)); c.lineTo(wide - right, y(v)); c.stroke(); });
      axis(c, wide, tall, "log2 fold change", "−log10 p");
      spots = inside.filter((at) => change[at] !== null).map((at) => [x(change[at]), y(height(at)), at]);
      for (const found of [false, true]) spots.forEach(([sx, sy, at]) => {
        if ((padj[at] !== null && padj[at] < .05) !== found) return;
        c.globalAlpha = found ? .85 : .35; c.fillStyle = found ? variable(change[at] > 0 ? "--vermilion" : "--blue") : variable("--muted");
        c.beginPath(); c.arc(sx, sy, found ? 3 : 1.7, 0, 7); c.fill();
      });
      c.globalAlpha = 1; c.fillStyle = variable("--ink"); c.textAlign = "left";
      const taken = [];
      spots.slice(0, 10).forEach(([sx, sy, at]) => {
        // Beside its point, on the side where it covers fewer others; left out where a name is there already.
        const w = c.measureText(name(at)).width, free = (tx) => tx > left && tx + w < wide && !taken.some(([ox, oy, ow]) => Math.abs(oy - sy) < 12 && tx < ox + ow && ox < tx + w);
        const covered = (tx) => spots.filter(([ox, oy, other]) => other !== at && Math.abs(oy - sy) < 8 && ox > tx - 4 && ox < tx + w + 4).length;
        const tx = [sx + 9, sx - 9 - w].filter(free).sort((a, b) => covered(a) - covered(b))[0];
        if (tx === undefined) return;
        taken.push([tx, sy, w]); c.fillText(name(at), tx, sy + 4);
      });
      [row, hovered].forEach((at) => { const spot = spots.find((one) => one[2] === at); if (spot) { c.beginPath(); c.arc(spot[0], spot[1], 7, 0, 7); c.strokeStyle = variable("--ink"); c.lineWidth = 2; c.stroke(); } });
      volcano.setAttribute("aria-label", `Volcano plot of ${data.contrasts[contrast]}. Arrow keys go through the genes by p value.`);
    };
    const drawValues = (gene, label) => {
      const [c, wide, tall] = start(values), left = 46, low = 34, right = 8, high = 12, part = scale.value;
      dots = [];
      if (gene === undefined) { c.fillStyle = variable("--muted"); c.textAlign = "center"; c.fillText("The values of this gene are not in the page.", wide / 2, tall / 2); return; }
      const shown = valuesOf(gene, part), top = Math.max(...shown) * 1.06 || 1, y = (value) => tall - low - value / top * (tall - low - high);
      const classes = [...data.classes.keys()], slot = (wide - left - right) / classes.length;
      c.strokeStyle = variable("--line"); c.fillStyle = variable("--muted");
      steps(0, top).forEach((v) => { c.textAlign = "right"; c.fillText(part === "counts" && v >= 1e4 ? `${v / 1000}k` : short(v), left - 4, y(v) + 4); c.beginPath(); c.moveTo(left, y(v)); c.lineTo(wide - right, y(v)); c.stroke(); });
      axis(c, wide, tall, "", part === "counts" ? (data.single_cell ? "counts, summed over cells" : "counts") : "log(1 + normalised count)");
      classes.forEach((k) => {
        const members = data.class.map((code, s) => [code, s]).filter(([code]) => code === k).map(([, s]) => s);
        const donors = [...new Set(members.map((s) => data.group[s]))], middle = left + slot * (k + .5);
        c.fillStyle = variable("--ink"); c.textAlign = "center";
        let text = data.classes[k]; while (text.length > 4 && c.measureText(text).width > slot - 6) text = `${text.slice(0, -2)}…`;
        c.fillText(text, middle, tall - low + 16);
        const mean = members.reduce((a, s) => a + shown[s], 0) / (members.length || 1);
        if (members.length) { c.strokeStyle = variable("--ink"); c.lineWidth = 1.5; c.beginPath(); c.moveTo(middle - slot * .36, y(mean)); c.lineTo(middle + slot * .36, y(mean)); c.stroke(); }
        members.forEach((s) => {
          const at = donors.length > 1 ? (donors.indexOf(data.group[s]) + .5) / donors.length - .5 : 0;
          const sx = middle + at * slot * .66, sy = y(shown[s]), plain = data.palette[k % data.palette.length], own = { "#0072b2": "--blue", "#d55e00": "--vermilion", "#44337a": "--violet" }[plain];
          dots.push([sx, sy, s, shown[s]]);
          c.fillStyle = own ? variable(own) : plain; c.globalAlpha = .9; c.beginPath(); signs[k % signs.length](c, sx, sy, n > 200 ? 2.5 : 5); c.fill(); c.globalAlpha = 1;
          c.lineWidth = 1; c.strokeStyle = variable("--page"); c.stroke();
        });
      });
      if (over >= 0 && dots[over]) { c.beginPath(); c.arc(dots[over][0], dots[over][1], 9, 0, 7); c.lineWidth = 2; c.strokeStyle = variable("--ink"); c.stroke(); }
      values.setAttribute("aria-label", `${label}, ${part === "counts" ? "counts" : "normalised expression"} of ${n} samples by class. Arrow keys go through them.`);
    };
    let gene, label = "";
    const pick = (at, stays = true) => {
      row = at; over = -1; label = name(at); gene = stored.get(ids[at]) ?? bySymbol.get(symbols[at]);
      title.textContent = label; told.textContent = line(at);
      drawVolcano(); drawValues(gene, label); marked();
      if (!stays) place.scrollIntoView({ block: "nearest" });
    };
    const line = (at) => `${name(at)}${ids[at] !== name(at) ? ` (${ids[at]})` : ""} · log2 fold change ${short(columns[role.log2_fold_change][at]).replace("-", "−")} · p ${short(columns[role.p][at])} · FDR ${short(columns[role.padj][at])}`;
    const marked = () => [...body.rows].forEach((one) => one.classList.toggle("picked", row >= 0 && ids[Number(one.dataset.row)] === ids[row]));
    longDrawn.push((drawn) => { if (drawn === id) marked(); });
    const nearest = (points, event, canvas, far) => {
      const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
      let best = -1, reach = far ** 2;
      points.forEach((spot, i) => { const away = (spot[0] - x) ** 2 + (spot[1] - y) ** 2; if (away < reach) { reach = away; best = i; } });
      return best;
    };
    volcano.addEventListener("pointermove", (event) => { const at = nearest(spots, event, volcano, 12), next = at < 0 ? -1 : spots[at][2]; if (next !== hovered) { hovered = next; told.textContent = next < 0 ? (row < 0 ? "" : line(row)) : line(next); drawVolcano(); } });
    volcano.addEventListener("pointerleave", () => { hovered = -1; drawVolcano(); });
    volcano.addEventListener("click", (event) => { const at = nearest(spots, event, volcano, 18); if (at >= 0) pick(spots[at][2]); });
    volcano.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (step) { event.preventDefault(); pick(inside[(inside.indexOf(row) + step + inside.length) % inside.length]); }
    });
    const tellDot = (at) => { over = at; if (at >= 0) { const [, , s, value] = dots[at]; told.textContent = `${data.samples[s]}${data.samples[s] !== data.ids[s] ? ` (${data.ids[s]})` : ""} · ${data.classes[data.class[s]] ?? ""}${data.unit === "sample" ? "" : ` · ${data.unit} ${data.groups[data.group[s]]}`} · ${label} ${short(value)}`; } drawValues(gene, label); };
    values.addEventListener("pointermove", (event) => { const at = nearest(dots, event, values, 16); if (at !== over) tellDot(at); });
    values.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (step && dots.length) { event.preventDefault(); tellDot((over + step + dots.length) % dots.length); }
    });
    scale.addEventListener("change", () => drawValues(gene, label));
    const search = () => {
      const query = field.value.trim().toLowerCase();
      list.replaceChildren();
      if (!query) return;
      const fits = inside.filter((at) => symbols[at].toLowerCase().startsWith(query) || ids[at].toLowerCase().startsWith(query));
      const exact = fits.find((at) => [symbols[at].toLowerCase(), ids[at].toLowerCase()].includes(query));
      if (exact !== undefined) pick(exact);
      if (!fits.length) list.append(make("li", {}, "No gene of the table begins like this."));
      fits.slice(0, 8).forEach((at) => { const button = make("button", { type: "button" }, name(at)); button.addEventListener("click", () => { pick(at); list.replaceChildren(); field.value = name(at); }); list.append(make("li", {}, button)); });
    };
    field.addEventListener("input", search);
    body.addEventListener("click", (event) => { const line = event.target.closest("tr"); if (line?.dataset.row) pick(Number(line.dataset.row), false); });
    const known = new Map(inside.map((at) => [name(at), at]));
    all("#figure-heatmap text").forEach((text) => {
      const at = known.get(text.textContent.trim());
      if (at === undefined) return;
      text.classList.add("pick");
      text.addEventListener("click", () => pick(at, false));
    });
    place.hidden = false;
    const first = inside.find((at) => stored.has(ids[at]));
    if (first !== undefined) pick(first);
    const again = () => { drawVolcano(); drawValues(gene, label); };
    redraws.push(again);
    new ResizeObserver(again).observe(all(".views", place)[0]);
    marked();
  });

  // A figure that is wider than the screen is scrolled, by keys too.
  const reach = () => all(".drawing").forEach((place) => {
    if (place.scrollWidth > place.clientWidth + 1) place.tabIndex = 0; else place.removeAttribute("tabindex");
  });
  // A table or figure that goes on beyond its right edge says so.
  const edge = (place) => place.classList.toggle("more", place.scrollLeft + place.clientWidth < place.scrollWidth - 2);
  all(".scroll, .drawing").forEach((place) => {
    place.addEventListener("scroll", () => edge(place), { passive: true });
    new ResizeObserver(() => edge(place)).observe(place);
  });
  // The names of the heat map's genes stay in sight while it is scrolled: a copy of them stands at its right edge.
  const pin = () => all("#figure-heatmap .drawing").forEach((place) => {
    all(".pinned", place).forEach((old) => old.remove());
    const drawn = place.querySelector("svg"), box = drawn.getBoundingClientRect();
    if (!box.width || place.scrollWidth <= place.clientWidth + 1) return;
    const [, , wide, tall] = drawn.getAttribute("viewBox").split(" ").map(Number), from = .836 * wide;
    const names = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    names.setAttribute("viewBox", `${from} 0 ${wide - from} ${tall}`);
    names.setAttribute("class", "pinned");
    names.setAttribute("aria-hidden", "true");
    names.style.cssText = `width:${box.width * (wide - from) / wide}px;min-width:0;height:${box.height}px;margin-top:-${box.height}px`;
    all("text", drawn).filter((text) => (text.getBoundingClientRect().left - box.left) / box.width * wide >= from - 1).forEach((text) => {
      const copy = text.cloneNode(true);
      copy.removeAttribute("id");
      copy.addEventListener("click", () => text.dispatchEvent(new MouseEvent("click")));
      names.append(copy);
    });
    place.append(names);
  });
  all("#heatmap > details").forEach((one) => one.addEventListener("toggle", () => { reach(); pin(); }));
  addEventListener("resize", () => { reach(); pin(); });
  reach();

  // Figures: saved as the reader sees them, in the ink of paper.
  all("[data-save]").forEach((button) => button.addEventListener("click", () => {
    const drawn = document.getElementById(button.dataset.save).querySelector("svg").cloneNode(true);
    const box = drawn.getAttribute("viewBox").split(" ");
    drawn.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    drawn.setAttribute("width", box[2]); drawn.setAttribute("height", box[3]);
    const ink = { ink: "#1b1f24", muted: "#59636e", line: "#d5dbe2", page: "#fffffe", blue: "#0072b2", vermilion: "#d55e00", violet: "#44337a" };
    const text = new XMLSerializer().serializeToString(drawn).replace(/var\(--(\w+)\)/g, (whole, name) => ink[name] ?? whole);
    save(`${page}_${button.dataset.save}.svg`, text, "image/svg+xml");
  }));

  // Observations in two dimensions, in the colour of any characteristic.
  const ramp = [[0, 34, 78], [66, 78, 108], [123, 123, 119], [183, 169, 108], [254, 232, 56]]; // cividis at five points
  const shade = (part) => {
    const at = Math.min(3, Math.floor(part * 4)), rest = part * 4 - at;
    return `rgb(${ramp[at].map((low, i) => Math.round(low + (ramp[at + 1][i] - low) * rest)).join(",")})`;
  };
  all(".scatter").forEach((place) => {
    const data = JSON.parse(all("script", place)[0].textContent), total = data.ids.length;
    const choice = all("select", place)[0], views = all(".views", place)[0], legend = all(".legend", place)[0], told = all(".told", place)[0];
    data.colours.forEach((colour, at) => choice.append(make("option", { value: String(at) }, colour.name)));
    let colour = data.colours[0], only = -1, current = -1, scale = [0, 1];
    // Page colours where the page has them, so that dark ground gets lighter ones.
    const own = { "#0072b2": "--blue", "#d55e00": "--vermilion", "#44337a": "--violet" };
    const tint = (at) => { const plain = data.palette[at % data.palette.length]; return own[plain] ? variable(own[plain]) : plain; }, sign = (at) => signs[(at + Math.floor(at / data.palette.length)) % signs.length];
    const worth = (which, at) => which.levels ? (which.levels[which.codes[at]] ?? "–") : (which.numbers[at] ?? "–");
    const say = (at) => { current = at; told.textContent = at < 0 ? "" : `${data.ids[at]} · ${data.colours.slice(0, 8).map((which) => `${which.name}: ${worth(which, at)}`).join(" · ")}`; draws.forEach((draw) => draw()); };
    const draws = data.views.map((view) => {
      const canvas = make("canvas", { tabIndex: 0 });
      canvas.setAttribute("role", "img");
      const low = (values) => values.reduce((a, b) => Math.min(a, b), Infinity), high = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);
      const [x0, x1, y0, y1] = [low(view.x), high(view.x), low(view.y), high(view.y)];
      let spots = [];
      const draw = () => {
        const box = canvas.getBoundingClientRect(), dense = window.devicePixelRatio || 1, side = Math.max(120, box.width), tall = side * .8;
        canvas.width = side * dense; canvas.height = tall * dense;
        const c = canvas.getContext("2d"), margin = 26, radius = total > 2000 ? 1.6 : total > 300 ? 3 : 5.5;
        c.scale(dense, dense);
        spots = view.x.map((x, i) => [margin + (x - x0) / (x1 - x0 || 1) * (side - 2 * margin), tall - margin - (view.y[i] - y0) / (y1 - y0 || 1) * (tall - 2 * margin)]);
        c.fillStyle = variable("--muted"); c.font = "12px system-ui, sans-serif"; c.textAlign = "center";
        c.fillText(view.axes[0], side / 2, tall - 7);
        c.save(); c.translate(13, tall / 2); c.rotate(-Math.PI / 2); c.fillText(view.axes[1], 0, 0); c.restore();
        for (const front of [false, true]) spots.forEach(([x, y], i) => {
          const code = colour.levels ? colour.codes[i] : -1, faded = only >= 0 && code !== only;
          if (faded === front) return;
          const value = colour.levels ? null : colour.numbers[i];
          c.globalAlpha = faded ? .12 : total > 2000 ? .6 : .9;
          c.fillStyle = colour.levels ? (code < 0 ? variable("--muted") : tint(code)) : value === null ? variable("--line") : shade((value - scale[0]) / (scale[1] - scale[0] || 1));
          c.beginPath(); (code >= 0 && total <= 2000 ? sign(code) : signs[0])(c, x, y, radius); c.fill();
          if (total <= 2000 && !faded) { c.lineWidth = 1; c.strokeStyle = variable("--page"); c.stroke(); }
        });
        c.globalAlpha = 1;
        if (current >= 0) { c.beginPath(); c.arc(spots[current][0], spots[current][1], radius + 4, 0, 7); c.lineWidth = 2; c.strokeStyle = variable("--ink"); c.stroke(); }
        canvas.setAttribute("aria-label", `${view.name} of ${total.toLocaleString("en")} ${data.noun}s, coloured by ${colour.name}. Arrow keys go through them.`);
      };
      const nearest = (event) => {
        const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
        let best = -1, reach = 18 ** 2;
        spots.forEach((spot, i) => { const far = (spot[0] - x) ** 2 + (spot[1] - y) ** 2; if (far < reach) { reach = far; best = i; } });
        if (best !== current) say(best);
      };
      canvas.addEventListener("pointermove", nearest);
      canvas.addEventListener("pointerdown", nearest);
      canvas.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        if (step) { event.preventDefault(); say((current + step + total) % total); }
        if (event.key === "Escape") say(-1);
      });
      views.append(make("figure", { className: "view" }, make("figcaption", {}, view.name), canvas));
      return draw;
    });
    const choose = () => {
      colour = data.colours[Number(choice.value) || 0];
      only = -1;
      if (colour.levels) {
        legend.replaceChildren(...colour.levels.map((level, at) => {
          const dot = make("canvas", { width: 24, height: 24 }), c = dot.getContext("2d");
          dot.style.cssText = "width:12px;height:12px"; dot.setAttribute("aria-hidden", "true");
          c.fillStyle = tint(at); c.beginPath(); sign(at)(c, 12, 12, 8); c.fill();
          const button = make("button", { type: "button" }, dot, make("bdi", {}, level));
          button.setAttribute("aria-pressed", "false");
          button.addEventListener("click", () => {
            only = only === at ? -1 : at;
            all("button", legend).forEach((other, i) => other.setAttribute("aria-pressed", String(i === only)));
            draws.forEach((draw) => draw());
          });
          return make("li", {}, button);
        }));
      } else {
        const known = colour.numbers.filter((value) => value !== null);
        scale = [known.reduce((a, b) => Math.min(a, b), Infinity), known.reduce((a, b) => Math.max(a, b), -Infinity)];
        const strip = make("span", { className: "ramp" });
        strip.style.background = `linear-gradient(90deg, ${[0, .25, .5, .75, 1].map(shade).join(",")})`;
        legend.replaceChildren(make("li", {}, `${scale[0].toLocaleString("en")} `, strip, ` ${scale[1].toLocaleString("en")}`));
      }
      draws.forEach((draw) => draw());
    };
    choice.addEventListener("change", choose);
    place.hidden = false;
    redraws.push(() => draws.forEach((draw) => draw()));
    new ResizeObserver(() => draws.forEach((draw) => draw())).observe(views);
    choose();
  });

  // The section in view is marked in the list of sections.
  const links = new Map(all("nav a").map((link) => [link.getAttribute("href").slice(1), link]));
  const watch = new IntersectionObserver((seen) => seen.forEach((entry) => {
    if (!entry.isIntersecting) return;
    links.forEach((link) => link.removeAttribute("aria-current"));
    links.get(entry.target.id)?.setAttribute("aria-current", "true");
  }), { rootMargin: "-20% 0px -70% 0px" });
  all("main section[id]").forEach((section) => watch.observe(section));
  tellTheme();
})();
