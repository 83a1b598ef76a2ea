// The sliders: which faces are kept, without asking anybody. The rules are those of live.py, which explains them.
const BINS = 64, SHARP_LOW = 10, SHARP_HIGH = 50000, SAVE_MS = 400;
let orders = {}, frame = 0, saving = 0;

const people = () => fc.names.length > 0;
const border = () => (fc.choice.sim === 'auto' ? fc.state?.engine.match ?? 0.5 : fc.choice.sim ?? 0);

// Sharpness goes over more than three powers of ten, so that the slider counts in powers. 0 is off.
const sharpAt = position => (position <= 0 ? 0 : Number((SHARP_LOW * (SHARP_HIGH / SHARP_LOW) ** (position / 1000)).toPrecision(2)));
const sharpPosition = sharp => (sharp <= 0 ? 0 : Math.min(1, Math.max(0.001, Math.log(sharp / SHARP_LOW) / Math.log(SHARP_HIGH / SHARP_LOW))));

const NO_BIN = 255;
// The logarithm takes longer than everything else in refilter, so that it is taken once for each row.
function binRows(start) {
  fc.sharpBin = grown(fc.sharpBin, fc.n);
  for (let i = start; i < fc.n; i++) {
    const sharp = fc.sharpness[i];
    fc.sharpBin[i] = Number.isFinite(sharp) ? Math.min(BINS - 1, sharpPosition(sharp) * BINS | 0) : NO_BIN;
  }
}

function refilter() {
  const { n, similarity, above, sharpness, sharpBin, limit, person, auto, other, reason, always, names } = fc;
  const byAuto = fc.choice.sim === 'auto', least = Math.fround(fc.choice.sim), sharp = Math.fround(fc.choice.min_tenengrad);
  const named = people(), order = orderOf(fc.show.order), wanted = fc.show.person, view = fc.show.view;
  fc.kept = grown(fc.kept, n);
  fc.who = grown(fc.who, n);
  const similarities = new Uint32Array(BINS), sharpnesses = new Uint32Array(BINS), counts = new Array(names.length).fill(0);
  const rows = new Uint32Array(n);
  let shown = 0, kept = 0;
  for (let k = 0; k < n; k++) {
    const i = order ? order[k] : k;
    const who = !named ? -1 : byAuto ? auto[i] : person[i] >= 0 && similarity[i] >= least ? person[i] : least > above[i] ? other[i] : -1;
    const clear = sharpness[i] >= sharp && sharp > limit[i];
    const keep = always[i] === 1 || (reason[i] === 0 && clear && (!named || who >= 0));
    fc.who[i] = who;
    fc.kept[i] = keep ? 1 : 0;
    if (keep) { kept++; if (who >= 0) counts[who]++; }
    if (reason[i] === 0) {
      if (named && clear && Number.isFinite(similarity[i])) similarities[Math.max(0, Math.min(BINS - 1, similarity[i] * BINS | 0))]++;
      if ((!named || who >= 0) && sharpBin[i] !== NO_BIN) sharpnesses[sharpBin[i]]++;
    }
    const fits = view === 'all' || (view === 'kept') === keep;
    if (fits && (wanted < 0 || (who >= 0 ? who : person[i]) === wanted)) rows[shown++] = i;
  }
  fc.view = rows.subarray(0, shown);
  fc.counts = { kept, left: n - kept, people: counts };
  showSliders(similarities, sharpnesses);
  showCounts();
  draw();
}

function orderOf(key) {
  if (key === 'time') return null;  // the order in which they come
  if (!orders[key]) {
    const values = fc[key], rows = Uint32Array.from({ length: fc.n }, (_, i) => i);
    orders[key] = rows.sort((a, b) => (values[a] - values[b]) || (a - b));
  }
  return orders[key];
}

const later = () => { frame ||= requestAnimationFrame(() => { frame = 0; refilter(); }); };

fc.setChoice = values => {
  Object.assign(fc.choice, values);
  later();
  clearTimeout(saving);
  saving = setTimeout(save, SAVE_MS);
};
function save() {
  clearTimeout(saving);
  if (saving && fc.run) {
    // Where faces are ranked, who else passes decides: the columns are made anew for the sliders' new values.
    post('choice', fc.choice).then(() => fc.state?.ranked && fc.attach(fc.run)).catch(showTrouble);
  }
  saving = 0;
}
addEventListener('pagehide', save);

function control(name, read, change) {
  const box = $(`[data-control=${name}]`);
  const parts = { box, number: box.querySelector('.fc-number'), range: box.querySelector('.fc-range'),
    canvas: box.querySelector('canvas'), help: box.querySelector('.fc-help') };
  parts.range.addEventListener('input', () => change(read(Number(parts.range.value))));
  parts.number.addEventListener('change', () => {
    const value = Number(parts.number.value);
    if (parts.number.value !== '' && Number.isFinite(value)) change(Math.min(Number(parts.number.max), Math.max(0, value)));
  });
  return parts;
}
const similarityControl = control('similarity', value => value, sim => fc.setChoice({ sim }));
const sharpnessControl = control('sharpness', sharpAt, sharp => fc.setChoice({ min_tenengrad: sharp }));
const autoButton = $('.fc-auto');
autoButton.addEventListener('click', () => fc.setChoice({ sim: fc.choice.sim === 'auto' ? border() : 'auto' }));

function showSliders(similarities, sharpnesses) {
  const some = people(), least = border(), sharp = fc.choice.min_tenengrad, { engine } = fc.state ?? { engine: {} };
  similarityControl.box.classList.toggle('fc-off', !some);
  for (const part of [similarityControl.range, similarityControl.number, autoButton]) part.disabled = !some;
  autoButton.setAttribute('aria-pressed', String(fc.choice.sim === 'auto'));
  setValue(similarityControl, least, Number(least.toFixed(3)));
  setValue(sharpnessControl, sharpPosition(sharp) * 1000, sharp);
  similarityControl.help.textContent = some ? similarityWords(engine)
    : fc.state?.looking && isRunning(fc.state.scan) && fc.choice.sim !== null ? 'Reading the photos…'
    : fc.choice.sim === null ? 'Similarity is off in this run’s settings: everyone is kept.'
    : 'Add photos of a person to tell people apart. Without them every face is kept.';
  sharpnessControl.help.textContent = sharp > 0 ? 'Blurred faces left of the line are left out.' : 'Off: blurred faces are kept, too.';
  drawHistogram(similarityControl.canvas, similarities, some ? least : 2);
  drawHistogram(sharpnessControl.canvas, sharpnesses, sharpPosition(sharp));
}

function similarityWords(engine) {
  if (engine.match === undefined) return '';
  const own = `This model takes faces from ${engine.match.toFixed(2)} on for the same person`;
  return fc.choice.sim === 'auto' ? `${own}, and unsure ones where their neighbours are sure.`
    : `${own}; from ${engine.unsure.toFixed(2)} on it is unsure.`;
}

function setValue({ range, number }, position, value) {
  range.value = position;
  if (document.activeElement !== number) number.value = value;
}

function drawHistogram(canvas, bins, line) {
  const width = canvas.clientWidth, height = canvas.clientHeight, scale = devicePixelRatio || 1;
  if (!width) return;
  if (canvas.width !== width * scale) { canvas.width = width * scale; canvas.height = height * scale; }
  const paint = canvas.getContext('2d'), style = getComputedStyle(root), most = Math.max(1, ...bins);
  paint.setTransform(scale, 0, 0, scale, 0, 0);
  paint.clearRect(0, 0, width, height);
  bins.forEach((count, bin) => {
    const high = count && Math.max(2, height * Math.sqrt(count / most));  // the root keeps small groups visible
    paint.fillStyle = style.getPropertyValue((bin + 0.5) / BINS >= line ? '--fc-accent' : '--fc-faint');
    paint.fillRect(bin * width / BINS, height - high, width / BINS - 1, high);
  });
  canvas.dataset.sum = bins.reduce((sum, count) => sum + count, 0);
}

const personSelect = $('.fc-person');
function showPeople() {
  personSelect.hidden = fc.names.length < 2;
  const wanted = ['Everyone', ...fc.names];
  if (wanted.length !== personSelect.options.length || wanted.some((name, i) => personSelect.options[i].dataset.name !== name)) {
    personSelect.replaceChildren(...wanted.map((name, i) => {
      const option = new Option(name, i - 1);
      option.dataset.name = name;
      return option;
    }));
    fc.show.person = -1;
  }
}

const number = value => value.toLocaleString('en-GB');
function showCounts() {
  const of = { kept: fc.counts.kept, left: fc.counts.left, all: fc.n };
  for (const button of root.querySelectorAll('[data-view]')) button.querySelector('b').textContent = number(of[button.dataset.view]);
  for (const option of personSelect.options) {
    if (option.value >= 0) option.text = `${option.dataset.name} (${number(fc.counts.people[option.value])})`;
  }
  root.dataset.kept = fc.counts.kept;
  root.dataset.count = fc.n;
  showExport();
}

for (const button of root.querySelectorAll('[data-view]')) {
  button.addEventListener('click', () => {
    fc.show.view = button.dataset.view;
    for (const other of root.querySelectorAll('[data-view]')) other.setAttribute('aria-pressed', String(other === button));
    later();
  });
}
personSelect.addEventListener('change', () => { fc.show.person = Number(personSelect.value); later(); });
$('.fc-order').addEventListener('change', event => { fc.show.order = event.target.value; later(); });
