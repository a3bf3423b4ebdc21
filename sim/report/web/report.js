// What a report's page does: draws its charts by the descriptions in #data, sorts and filters its
// tables, and marks in all of them what is pointed at in one. Needs Plot (Observable Plot) for
// charts; without it each chart is its table of numbers.
'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const hasPlot = typeof Plot !== 'undefined';
const kMostBars = 60, kMostLines = 12;
// As the figures' lines; beyond them the colours come again, in dashes.
const palette = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#7A5195', '#999999'];

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes))
    if (key === 'on') for (const [event, run] of Object.entries(value)) node.addEventListener(event, run);
    else if (value !== undefined) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// Three digits with an SI prefix: "2.73 mJ".
function si(value, unit) {
  if (value === null || value === undefined) return '';
  if (!unit || unit === 'dB' || unit === 'mm2' || (unit === 'MAC/B' && value < 1000)) return `${+value.toPrecision(4)}${unit ? ' ' + unit : ''}`;
  if (value === 0) return `0 ${unit}`;
  const prefixes = ['f', 'p', 'n', 'µ', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
  let power = Math.max(-5, Math.min(6, Math.floor(Math.log10(Math.abs(value)) / 3)));
  let short = Number((value / 1000 ** power).toPrecision(3));
  if (Math.abs(short) >= 1000 && power < 6) short = Number((value / 1000 ** ++power).toPrecision(3));
  return `${short} ${prefixes[power + 5]}${unit}`;
}
const percent = (share) => `${(100 * share).toFixed(1)} %`;

// Choices: a value per column, or -1 for all of them.
const chosen = data.columns.map(() => -1);
const shown = () => data.labels.map((_, i) => i).filter((i) => chosen.every((value, column) => value < 0 || data.cells[i][column] === value));
// Columns that change together, as those of a zip do, are one: the first.
const twinOf = data.columns.map((column, c) => data.columns.findIndex((other, o) => o < c && other.values.length === column.values.length && new Set(data.cells.map((cell) => `${cell[o]} ${cell[c]}`)).size === column.values.length));
const titleOf = (c) => [...data.columns.keys()].filter((other) => other === c || twinOf[other] === c).map((other) => data.columns[other].title).join(' = ');
// The label of a row without what all shown rows have in common.
function shortLabels(rows) {
  const open = data.columns.map((_, c) => twinOf[c] < 0 && new Set(rows.map((i) => data.cells[i][c])).size > 1);
  const columns = open.some(Boolean) ? open : open.map(() => true);
  return new Map(rows.map((i) => [i, data.columns.map((column, c) => column.values[data.cells[i][c]]).filter((_, c) => columns[c]).join(', ')]));
}

// A table of numbers, folded away under its chart.
function numbers(headings, rows) {
  return el('details', hasPlot ? {} : {open: ''}, el('summary', {}, 'the numbers'),
    el('div', {class: 'scroll', tabindex: 0}, el('table', {},
      el('thead', {}, el('tr', {}, ...headings.map((text) => el('th', {scope: 'col'}, text)))),
      el('tbody', {}, ...rows.map((row) => el('tr', {}, ...row.map((text, i) => el(i ? 'td' : 'th', i ? {class: 'n'} : {scope: 'row'}, text))))))));
}
const legend = (entries) => el('div', {class: 'legend'}, ...entries.map(([colour, title]) => {
  const key = el('i');
  key.style.background = colour;
  return el('span', {}, key, title);
}));
const note = (text) => el('p', {class: 'note'}, text);

// Marks of a drawn chart know their row; `rowOf` takes what Plot binds to an element. `stops`: they
// can be reached by Tab, with the text that a pointer gets, but for those without one.
function tie(svg, selector, rowOf, stops) {
  svg.setAttribute('role', stops ? 'group' : 'img'); // an image's parts are nobody's stops
  for (const mark of svg.querySelectorAll(selector)) {
    const row = rowOf(mark.__data__);
    if (row === undefined) continue;
    mark.dataset.i = row;
    const told = stops?.(row);
    if (!told) continue;
    mark.setAttribute('tabindex', 0);
    mark.setAttribute('role', 'img');
    mark.setAttribute('aria-label', told);
  }
  return svg;
}
// The row that a row is compared with, where a baseline is declared, or undefined.
const baselineOf = (i) => data.baselines[i] ?? undefined;
const times = (first, value) => {
  const ratio = Math.max(first / value, value / first);
  return ratio < 1.005 ? 'nearly equal' : `${ratio < 100 ? ratio.toPrecision(3) : Math.round(ratio)} times ${value < first ? 'less' : 'more'}`;
};
const base = (width, label) => ({width, className: 'plot', style: {fontSize: '12px', background: 'none', color: 'inherit'}, ariaLabel: label});

function drawStack(chart, figure, width) {
  const sizes = data.labels.map((_, i) => chart.parts.reduce((sum, part) => sum + (part.values[i] ?? 0), 0));
  const against = (i) => !chart.shares && baselineOf(i) !== undefined && sizes[baselineOf(i)] > 0 ? sizes[baselineOf(i)] : undefined;
  const ratio = (i) => against(i) && sizes[i] > 0 && baselineOf(i) !== i ? times(against(i), sizes[i]) : '';
  const known = (i) => chart.parts.some((part) => part.values[i] !== null);
  // What has one baseline stands together.
  let rows = shown().filter(known).sort((a, b) => (baselineOf(a) ?? a) - (baselineOf(b) ?? b) || a - b);
  const all = rows.length;
  if (all > kMostBars) {
    // Layers: the largest; points: the first.
    const kept = data.what === 'layers' ? [...rows].sort((a, b) => sizes[b] - sizes[a]) : rows;
    rows = kept.slice(0, kMostBars);
    if (data.what === 'layers') rows.sort((a, b) => a - b);
    figure.append(note(`The ${data.what === 'layers' ? 'largest' : 'first'} ${kMostBars} of ${all} ${data.what}, in their order.`));
  }
  figure.closest('section').classList.toggle('tall', rows.length > 25); // on paper on a page of its own
  const labels = shortLabels(rows);
  const parts = chart.parts.filter((part) => rows.some((i) => part.values[i] > 0));
  figure.append(legend(parts.map((part) => [part.colour, part.title])));
  const compared = rows.filter(against);
  if (compared.length) figure.append(note(`Dashed: the baseline, ${data.baseline}.`));
  if (hasPlot && rows.length) {
    const pieces = parts.flatMap((part) => rows.filter((i) => part.values[i] > 0).map((i) => ({i, part, size: chart.shares ? part.values[i] / sizes[i] : part.values[i]})));
    const text = (i) => `${labels.get(i)}: ${chart.texts[i]}`;
    const longest = Math.max(...[...labels.values()].map((label) => label.length));
    // Names that leave bars no room stand above them.
    const above = 16 + 6.6 * longest > width * 0.36;
    const left = above ? 8 : 16 + 6.6 * longest;
    const cut = (label) => label.length > width / 6.8 ? `${label.slice(0, Math.floor(width / 6.8) - 1)}…` : label;
    const svg = Plot.plot({...base(width, `${chart.title}: a bar for each of ${rows.length} ${data.what}`),
      marginLeft: left, marginRight: 84, marginBottom: 40, height: 56 + (above ? 34 : 20) * rows.length,
      x: {label: chart.axis, domain: chart.shares ? [0, 1] : undefined, ticks: Math.max(2, Math.floor((width - left) / 110)), tickFormat: (v) => chart.shares ? `${Math.round(v * 100)} %` : si(v, chart.unit), grid: true},
      y: {domain: rows, label: null, axis: above ? null : 'left', tickSize: 0, tickFormat: (i) => labels.get(i)},
      marks: [
        ...above ? [Plot.text(rows, {x: () => 0, y: (i) => i, text: (i) => cut(labels.get(i)), textAnchor: 'start', dy: -9})] : [],
        Plot.barX(pieces, {x: 'size', y: 'i', fill: (d) => d.part.colour, stroke: 'currentColor', strokeOpacity: 0.4, strokeWidth: 0.5, insetTop: above ? 16 : 2, insetBottom: 2,
          title: (d) => `${labels.get(d.i)}\n${d.part.title}: ${chart.shares ? '' : si(d.part.values[d.i], chart.unit) + ', '}${percent(d.part.values[d.i] / sizes[d.i])}\nall: ${chart.texts[d.i]}${ratio(d.i) ? `\nagainst the baseline: ${ratio(d.i)}` : ''}`, tip: true}),
        Plot.tickX(compared, {x: against, y: (i) => i, stroke: 'currentColor', strokeDasharray: '3 3', insetTop: above ? 16 : -2, insetBottom: above ? 0 : -2}),
        Plot.text(rows, {x: (i) => chart.shares ? 1 : sizes[i], y: (i) => i, text: (i) => chart.texts[i], textAnchor: 'start', dx: 5, dy: above ? 7 : 0}),
      ]});
    figure.append(tie(svg, 'g[aria-label=bar] rect', (d) => pieces[d]?.i));
    for (const bar of svg.querySelectorAll('g[aria-label=bar] rect')) bar.setAttribute('aria-label', text(Number(bar.dataset.i)));
  }
  figure.append(numbers(['', ...parts.map((part) => part.title), 'all', ...compared.length ? ['against the baseline'] : []],
    rows.map((i) => [labels.get(i), ...parts.map((part) => chart.shares ? percent((part.values[i] ?? 0) / (sizes[i] || 1)) : si(part.values[i] ?? 0, chart.unit)), chart.texts[i], ...compared.length ? [ratio(i)] : []])));
}

const spread = (values) => Math.max(...values) / Math.min(...values);
// An axis of positive numbers over more than a decade is logarithmic.
function axisOf(measure, values, width) {
  const isLog = Math.min(...values) > 0 && spread(values) > 8 && measure.unit !== 'dB';
  return {type: isLog ? 'log' : 'linear', label: `${measure.axis}${measure.hint ? ` (${measure.hint})` : ''}`, ticks: Math.max(2, Math.floor(width / 150)), tickFormat: (v) => isLog && !/^[125]/.test(v.toExponential()) ? '' : si(v, measure.unit), grid: true, nice: !isLog};
}

// Names beside dots, where one has room: not over a dot or another name.
function addNames(svg, rows, x, y, nameOf, width) {
  const place = (i) => [svg.scale('x').apply(x(i)), svg.scale('y').apply(y(i))];
  const taken = rows.all.map(place).map(([px, py]) => [px - 6, py - 6, px + 6, py + 6]);
  for (const i of rows.named) {
    const [px, py] = place(i), name = nameOf(i), length = 6.7 * name.length;
    for (const [dx, dy, anchor, share] of [[9, 4, 'start', 0], [-9, 4, 'end', 1], [0, 17, 'middle', 0.5], [0, -10, 'middle', 0.5]]) {
      const left = px + dx - share * length, box = [left, py + dy - 10, left + length, py + dy + 3];
      if (box[0] < svg.scale('x').range[0] + 2 || box[2] > width - 4) continue;
      if (taken.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3])) continue;
      taken.push(box);
      const text = document.createElementNS('http://www.w3.org/2000/svg', 'text');
      for (const [key, value] of Object.entries({x: px + dx, y: py + dy, 'text-anchor': anchor, class: 'name', 'data-i': i})) text.setAttribute(key, value);
      text.textContent = name;
      svg.append(text);
      break;
    }
  }
}

function drawPoints(chart, figure, width) {
  const rows = shown().filter((i) => chart.x.values[i] !== null && chart.y.values[i] !== null);
  const labels = shortLabels(rows), onFront = new Set(chart.front);
  const text = (i) => `${labels.get(i)}: ${chart.x.axis} ${si(chart.x.values[i], chart.x.unit)}, ${chart.y.axis} ${si(chart.y.values[i], chart.y.unit)}`;
  if (hasPlot && rows.length) {
    const bases = rows.filter((i) => baselineOf(i) === i);
    const front = rows.filter((i) => onFront.has(i)).sort((a, b) => chart.x.values[a] - chart.x.values[b]);
    const x = (i) => chart.x.values[i], y = (i) => chart.y.values[i];
    const svg = Plot.plot({...base(width, `${chart.title}: ${rows.length} ${data.what}`), height: Math.min(460, 0.62 * width + 80), marginLeft: 62, marginRight: 30, marginTop: 28, marginBottom: 44,
      x: axisOf(chart.x, rows.map(x), width), y: axisOf(chart.y, rows.map(y), 500),
      marks: [
        Plot.line(front, {x, y, z: (i) => chart.workloads[i], curve: 'step-after', stroke: 'currentColor', strokeDasharray: '4 3', strokeOpacity: 0.7}),
        Plot.dot(rows, {x, y, r: 5, fill: (i) => onFront.has(i) ? '#0072B2' : 'none', stroke: '#0072B2', strokeWidth: 1.5}),
        Plot.dot(bases, {x, y, r: 9, stroke: 'currentColor', strokeDasharray: '3 3', className: 'ring'}),
        Plot.tip(rows, Plot.pointer({x, y, title: text})),
      ]});
    addNames(svg, {all: rows, named: front}, x, y, (i) => labels.get(i), width);
    figure.append(tie(svg, 'g[aria-label=dot]:not(.ring) circle', (d) => rows[d], (i) => rows.length <= kMostBars || (front.length <= kMostBars && onFront.has(i)) ? text(i) : undefined));
  }
  const ringed = rows.some((i) => baselineOf(i) === i) ? ` Ringed: the baseline, ${data.baseline}.` : '';
  figure.append(note(`Filled: the Pareto front, which no point beats in both.${ringed}`),
    numbers(['', chart.x.axis, chart.y.axis, 'on the front'], rows.map((i) => [labels.get(i), si(chart.x.values[i], chart.x.unit), si(chart.y.values[i], chart.y.unit), onFront.has(i) ? 'yes' : ''])));
}

function drawRoofline(chart, figure, width) {
  const rows = shown().filter((i) => chart.x.values[i] > 0 && chart.y.values[i] > 0);
  const labels = shortLabels(rows);
  const x = (i) => chart.x.values[i], y = (i) => chart.y.values[i];
  const roof = (i) => Math.min(chart.peaks[i], x(i) * chart.bandwidths[i]);
  const lines = (i) => [`${si(x(i), 'MAC/B')}, ${si(y(i), 'MAC/s')} of ${si(roof(i), 'MAC/s')} (${percent(y(i) / roof(i))})`, `limit: ${roof(i) < chart.peaks[i] ? 'memory' : 'array'}`];
  const text = (i) => `${labels.get(i)}: ${lines(i).join('; ')}`;
  if (hasPlot && rows.length) {
    // A roof for each pair of array and memory among them.
    const pairs = [...new Map(rows.filter((i) => chart.peaks[i] && chart.bandwidths[i]).map((i) => [`${chart.peaks[i]} ${chart.bandwidths[i]}`, [chart.peaks[i], chart.bandwidths[i]]])).values()].slice(0, kMostLines);
    const knees = pairs.map(([peak, bandwidth]) => peak / bandwidth);
    const low = Math.min(...rows.map(x), ...knees) / 3, high = Math.max(...rows.map(x), ...knees) * 3;
    const roofs = pairs.map(([peak, bandwidth]) => [[low, low * bandwidth], [peak / bandwidth, peak], [high, peak]]);
    const svg = Plot.plot({...base(width, `Roofline: ${rows.length} ${data.what}`), height: Math.min(460, 0.6 * width + 80), marginLeft: 82, marginRight: 30, marginTop: 28, marginBottom: 44,
      x: {...axisOf({...chart.x, hint: ''}, [low, high], width), type: 'log'}, y: {...axisOf({...chart.y, hint: ''}, [1, 1e6], 500), type: 'log'},
      marks: [
        ...roofs.map((points) => Plot.line(points, {stroke: 'currentColor', strokeOpacity: 0.75})),
        Plot.text([...new Map(pairs.map((pair) => [pair[0], pair])).values()], {x: () => high, y: ([peak]) => peak, text: ([peak]) => si(peak, 'MAC/s'), textAnchor: 'end', dy: -8, fill: 'currentColor'}),
        Plot.text([...new Map(pairs.map((pair) => [pair[1], pair])).values()], {x: ([peak, bandwidth]) => Math.sqrt(low * peak / bandwidth), y: ([peak, bandwidth]) => Math.sqrt(low * peak / bandwidth) * bandwidth, text: ([, bandwidth]) => si(bandwidth, 'B/s'), textAnchor: 'end', dx: -10, dy: -4, fill: 'currentColor'}),
        Plot.link(rows, {x1: x, x2: x, y1: y, y2: roof, stroke: '#D55E00', strokeOpacity: rows.length > 40 ? 0.15 : 0.5}),
        Plot.dot(rows, {x, y, r: 5, fill: (i) => roof(i) < chart.peaks[i] ? '#D55E00' : '#E69F00', stroke: 'currentColor', strokeWidth: 0.7}),
        Plot.tip(rows, Plot.pointer({x, y, title: (i) => [labels.get(i), ...lines(i)].join('\n')})),
      ]});
    if (rows.length < 25 && width > 500) addNames(svg, {all: rows, named: rows}, x, y, (i) => labels.get(i), width);
    figure.append(legend([['#D55E00', 'below the memory’s roof'], ['#E69F00', 'below the array’s roof']]), tie(svg, 'g[aria-label=dot] circle', (d) => rows[d], (i) => rows.length <= kMostBars ? text(i) : undefined));
  }
  figure.append(numbers(['', 'intensity', 'achieved', 'at most', 'share'], rows.map((i) => [labels.get(i), si(x(i), 'MAC/B'), si(y(i), 'MAC/s'), si(roof(i), 'MAC/s'), percent(y(i) / roof(i))])));
}

const along = {column: undefined, measure: 0};
function drawLines(chart, figure, width) {
  along.column ??= chart.along[0];
  const pick = (label, entries, value, set) => el('label', {}, label, el('select', {on: {change: (e) => { set(Number(e.target.value)); draw(chart); }}},
    ...entries.map(([key, text]) => el('option', key === value ? {value: key, selected: ''} : {value: key}, text))));
  figure.append(el('div', {class: 'controls'},
    pick('show', chart.measures.map((m, i) => [i, m.axis]), along.measure, (v) => along.measure = v),
    pick('along', chart.along.filter((c) => twinOf[c] < 0).map((c) => [c, titleOf(c)]), along.column, (v) => along.column = v)));
  const column = data.columns[along.column], measure = chart.measures[along.measure];
  const rows = shown().filter((i) => measure.values[i] !== null);
  const x = (i) => column.numbers[data.cells[i][along.column]], y = (i) => measure.values[i];
  const nameOf = (i) => data.columns.map((other, c) => other.values[data.cells[i][c]]).filter((_, c) => c !== along.column && twinOf[c] < 0 && chosen[c] < 0 && data.columns[c].values.length > 1).join(', ');
  let names = [...new Set(rows.map(nameOf))];
  if (names.length > kMostLines) figure.append(note(`${kMostLines} of ${names.length} lines: choose values above to see others.`));
  names = names.slice(0, kMostLines);
  const kept = rows.filter((i) => names.includes(nameOf(i)));
  const colour = (name) => palette[names.indexOf(name) % palette.length];
  const again = (name) => names.indexOf(name) >= palette.length;
  if (names.length > 1) figure.append(legend(names.map((name) => [colour(name), again(name) ? `${name} (dashed)` : name])));
  const titles = new Map(column.numbers.map((number, i) => [number, column.values[i]]));
  if (hasPlot && kept.length) {
    const isLog = Math.min(...column.numbers) > 0 && spread(column.numbers) > 8;
    const svg = Plot.plot({...base(width, `${measure.axis} along ${column.title}`), height: Math.min(400, 0.5 * width + 80), marginLeft: 72, marginRight: 30, marginTop: 28, marginBottom: 44,
      x: {type: isLog ? 'log' : 'linear', label: titleOf(along.column), ticks: column.numbers, tickFormat: (v) => titles.get(v) ?? ''},
      y: measure.unit !== 'dB' && Math.min(...kept.map(y)) > 0 && spread(kept.map(y)) > 30 ? axisOf(measure, kept.map(y), 600)
        : {label: `${measure.axis} (${measure.hint})`, tickFormat: (v) => si(v, measure.unit), grid: true, zero: measure.unit !== 'dB', nice: true},
      marks: [
        ...[false, true].map((dashed) => Plot.line(kept.filter((i) => again(nameOf(i)) === dashed), {x, y, z: nameOf, stroke: (i) => colour(nameOf(i)), strokeWidth: 2, strokeDasharray: dashed ? '5 3' : undefined})),
        Plot.dot(kept, {x, y, r: 3.5, fill: (i) => colour(nameOf(i))}),
        Plot.tip(kept, Plot.pointer({x, y, title: (i) => `${data.labels[i]}\n${measure.axis}: ${si(y(i), measure.unit)}`})),
      ]});
    figure.append(tie(svg, 'g[aria-label=dot] circle', (d) => kept[d]));
  }
  figure.append(numbers(['', measure.axis], kept.map((i) => [data.labels[i], si(y(i), measure.unit)])));
}

const drawers = {stack: drawStack, points: drawPoints, roofline: drawRoofline, lines: drawLines};
function draw(chart) {
  const figure = document.getElementById(`chart-${chart.id}`);
  const open = figure.querySelector('details')?.open;
  const width = Math.max(280, Math.min(figure.clientWidth, 1100));
  figure.replaceChildren();
  drawers[chart.kind](chart, figure, width);
  if (open) figure.querySelector('details').open = true;
}
function drawAll() {
  data.charts.forEach(draw);
  const rows = new Set(shown());
  for (const row of document.querySelectorAll('table.linked tr[data-i]')) row.dataset.out = rows.has(Number(row.dataset.i)) ? '' : 'yes';
  document.querySelectorAll('table').forEach(filterTable);
}

// A control per column: a slider where its values are numbers, else a list.
function choices() {
  const place = document.getElementById('choices');
  if (!place || data.labels.length < 2) return;
  data.columns.forEach((column, c) => {
    if (column.values.length < 2 || twinOf[c] >= 0) return;
    const set = (value) => { chosen[c] = value; drawAll(); };
    if (column.numbers) {
      const order = column.values.map((_, i) => i).sort((a, b) => column.numbers[a] - column.numbers[b]);
      const out = el('output', {}, 'all');
      place.append(el('label', {}, titleOf(c), el('input', {type: 'range', min: -1, max: order.length - 1, value: -1, 'aria-valuetext': 'all', on: {input: (e) => {
        const at = Number(e.target.value);
        out.textContent = at < 0 ? 'all' : column.values[order[at]];
        e.target.setAttribute('aria-valuetext', out.textContent);
        set(at < 0 ? -1 : order[at]);
      }}}), out));
    } else {
      place.append(el('label', {}, titleOf(c), el('select', {on: {change: (e) => set(Number(e.target.value))}}, el('option', {value: -1}, 'all'), ...column.values.map((value, i) => el('option', {value: i}, value)))));
    }
  });
}

function filterTable(table) {
  const words = (table.dataset.words ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of table.tBodies[0].rows) {
    const text = words.length ? row.textContent.toLowerCase() : '';
    row.hidden = row.dataset.out === 'yes' || !words.every((word) => text.includes(word));
  }
}

function sortable(table) {
  const body = table.tBodies[0];
  table.querySelectorAll('th button').forEach((button, column) => button.addEventListener('click', () => {
    const th = button.parentElement, down = th.getAttribute('aria-sort') === 'ascending';
    table.querySelectorAll('th').forEach((other) => other.removeAttribute('aria-sort'));
    th.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    const key = (row) => { const d = row.cells[column].dataset.v; return d === undefined ? row.cells[column].textContent : Number(d); };
    const compare = (a, b) => typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === 'number' ? -1 : 1;
    const keyed = [...body.rows].map((row) => [key(row), row]);
    body.append(...keyed.sort((a, b) => (down ? -1 : 1) * compare(a[0], b[0])).map(([, row]) => row));
  }));
  if (body.rows.length < 9) return;
  table.parentElement.before(el('div', {class: 'controls'}, el('label', {}, 'rows with', el('input', {type: 'search', on: {input: (e) => { table.dataset.words = e.target.value; filterTable(table); }}}))));
}

// Pointing at a row, by mouse or Tab, in a chart or the table, marks it everywhere.
let marked = null;
function mark(row) {
  if (row === marked) return;
  marked = row;
  for (const old of document.querySelectorAll('.hi')) old.classList.remove('hi');
  document.body.classList.toggle('linking', row !== null);
  if (row !== null) for (const now of document.querySelectorAll(`[data-i="${row}"]`)) now.classList.add('hi');
}
const rowAt = (target) => target instanceof Element ? target.closest('[data-i]')?.dataset.i ?? null : null;
for (const event of ['pointerover', 'focusin']) document.addEventListener(event, (e) => mark(rowAt(e.target)));

document.querySelectorAll('table').forEach(sortable);
// Nobody goes through hundreds of stops: of many rows the filter finds the few.
for (const table of document.querySelectorAll('table.linked'))
  if (table.tBodies[0].rows.length > kMostBars) for (const row of table.tBodies[0].rows) row.removeAttribute('tabindex');
choices();
drawAll();
let drawnAt = document.body.clientWidth;
addEventListener('resize', () => {
  if (document.body.clientWidth === drawnAt || matchMedia('print').matches) return;
  drawnAt = document.body.clientWidth;
  data.charts.forEach(draw);
});
// On paper nothing is folded away.
let folded = [];
addEventListener('beforeprint', () => { folded = [...document.querySelectorAll('details:not([open])')]; folded.forEach((d) => d.open = true); });
addEventListener('afterprint', () => folded.forEach((d) => d.open = false));
