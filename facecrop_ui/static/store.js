// The run that is shown: its state, its faces as columns, and asking for them. Runs inside gr.HTML's function, where
// `element`, `props` and `watch` are given.
const COLUMNS = [
  ['similarity', Float32Array], ['above', Float32Array], ['sharpness', Float32Array], ['limit', Float32Array],
  ['time', Float32Array], ['id', Uint32Array], ['person', Int16Array], ['auto', Int16Array], ['other', Int16Array],
  ['reason', Uint8Array], ['always', Uint8Array], ['video', Uint8Array],
];
const HEADER_BYTES = 20;
const POLL_MS = 1000;

const root = element.querySelector('.fc');
const $ = selector => root.querySelector(selector);
const base = location.pathname.replace(/\/+$/, '');

const fc = window.fc = {
  run: null, state: null, revision: -1, lost: false,
  n: 0, generation: -1, names: [],
  choice: { sim: 'auto', min_tenengrad: 0, image_format: 'png' },
  show: { view: 'kept', person: -1, order: 'time' },
  sharpBin: new Uint8Array(0), kept: new Uint8Array(0), who: new Int16Array(0), view: new Uint32Array(0), counts: { kept: 0, left: 0, people: [] },
};
for (const [name, kind] of COLUMNS) fc[name] = new kind(0);

const url = (path, query = '') => {
  const sign = new URLSearchParams(location.search).get('__sign');
  return `${base}/fc/${fc.run}/${path}?${query}${sign ? `&__sign=${encodeURIComponent(sign)}` : ''}`;
};

async function post(path, values = {}) {
  const answer = await fetch(url(path), {
    method: 'POST', keepalive: true, headers: { 'content-type': 'application/json' }, body: JSON.stringify(values),
  });
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(content.error || 'The page did not understand.'), { hint: content.hint || '' });
  return content;
}

let timer = 0, asked = 0;

fc.attach = run => {
  if (run && run !== fc.run) {
    Object.assign(fc, { run, state: null, revision: -1, lost: false });
    forget(-1);
    root.dataset.state = 'opening';
    refilter();
  }
  if (fc.run) poll();
};

function forget(generation) {
  fc.n = 0;
  fc.generation = generation;
  orders = {};
}

// One question at a time: the state, then rows that are new. Ends with the work, and begins again when poked.
async function poll() {
  clearTimeout(timer);
  const mine = ++asked;
  try {
    const answer = await fetch(url('state'));
    if (mine !== asked) return;
    if (answer.status === 404) { lose(); return; }
    const state = await answer.json();
    if (mine !== asked) return;
    if (!answer.ok) throw new Error(state.error);
    if (!await takeRows(state, mine)) return;
    takeState(state);
  } catch (error) {
    if (mine !== asked) return;
    fc.lost = true;
    showWatch();
  }
  if (fc.lost || working()) timer = setTimeout(poll, POLL_MS);
}

function lose() {
  Object.assign(fc, { run: null, state: null });
  root.dataset.state = 'empty';
}

const isRunning = job => Boolean(job) && job.state === 'running';
const working = () => Boolean(fc.state) && (isRunning(fc.state.scan) || isRunning(fc.state.export));

function takeState(state) {
  fc.state = state;
  fc.lost = false;
  root.dataset.state = state.scan.state;
  fc.names = state.names;
  if (state.revision !== fc.revision) {  // the form changed it, or this page has just been opened
    fc.revision = state.revision;
    fc.choice = { ...state.choice };
  }
  showWatch();
  showExport();
  showPeople();
  refilter();
}

async function takeRows(state, mine) {
  let total = state.generation === fc.generation ? state.count : -1;
  while (fc.n !== total) {
    const answer = await fetch(url('rows', `since=${fc.n}&generation=${fc.generation}`));
    if (!answer.ok) throw new Error(answer.statusText);
    const bytes = await answer.arrayBuffer();
    if (mine !== asked) return false;
    total = takeColumns(bytes);
  }
  return true;
}

function takeColumns(bytes) {
  const [, generation, start, count, total] = new Uint32Array(bytes, 0, 5);
  if (generation !== fc.generation) forget(generation);
  let offset = HEADER_BYTES;
  for (const [name, kind] of COLUMNS) {
    fc[name] = grown(fc[name], start + count);
    fc[name].set(new kind(bytes, offset, count), start);
    offset += count * kind.BYTES_PER_ELEMENT;
  }
  fc.n = start + count;
  binRows(start);
  orders = {};
  return total;
}

function grown(array, length) {
  if (array.length >= length) return array;
  const larger = new array.constructor(Math.max(length, array.length * 2, 1024));
  larger.set(array);
  return larger;
}
