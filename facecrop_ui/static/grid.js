// The grid: only the cells that can be seen exist; scrolling moves them.
const GAP = 4, MARGIN_ROWS = 1;
const REASONS = JSON.parse(props.reasons);
const viewport = $('.fc-viewport'), pad = $('.fc-pad'), detail = $('.fc-detail'), dialog = $('.fc-zoom');
const cells = [];
let cell = innerWidth < 500 ? 80 : 104, columns = 1, focused = 0;  // focused: a position in fc.view

function draw() {
  const count = fc.view.length, width = viewport.clientWidth;
  columns = Math.max(1, Math.floor((width + GAP) / (cell + GAP)));
  const pitch = (width + GAP) / columns, size = pitch - GAP, rows = Math.ceil(count / columns);
  pad.style.height = `${Math.max(0, rows * pitch - GAP)}px`;
  focused = Math.max(0, Math.min(focused, count - 1));
  const first = Math.max(0, Math.floor(viewport.scrollTop / pitch) - MARGIN_ROWS);
  const last = Math.min(rows, Math.ceil((viewport.scrollTop + viewport.clientHeight) / pitch) + MARGIN_ROWS);
  const from = first * columns, need = Math.max(0, Math.min(count, last * columns) - from);
  while (cells.length < need) cells.push(makeCell());
  cells.forEach((box, k) => {
    box.hidden = k >= need;
    if (!box.hidden) place(box, from + k, pitch, size);
  });
  showNothing(count);
  if (!dialog.open) describe(count ? fc.view[focused] : -1);
}

function makeCell() {
  const box = document.createElement('div'), image = new Image(), caption = document.createElement('span');
  box.className = 'fc-cell';
  box.setAttribute('role', 'option');
  image.decoding = 'async';
  image.alt = '';
  image.addEventListener('load', () => image.classList.add('fc-there'));
  box.append(image, caption);
  pad.append(box);
  return box;
}

function place(box, position, pitch, size) {
  const i = fc.view[position], key = `${fc.run}/${i}/${fc.id[i]}`;
  box.style.transform = `translate(${(position % columns) * pitch}px, ${Math.floor(position / columns) * pitch}px)`;
  box.style.width = box.style.height = `${size}px`;
  if (box.dataset.key !== key) {
    box.dataset.key = key;
    box.firstChild.classList.remove('fc-there');
    box.firstChild.src = thumb(i);
  }
  box.dataset.position = position;
  box.id = `fc-cell-${position}`;
  box.lastChild.textContent = caption(i);
  box.classList.toggle('fc-left', !fc.kept[i]);
  box.classList.toggle('fc-focused', position === focused);
  box.setAttribute('aria-selected', String(position === focused));
  box.setAttribute('aria-label', words(i));
  if (position === focused) viewport.setAttribute('aria-activedescendant', box.id);
}

const thumb = i => url(`thumb/${i}.jpg`, `id=${fc.id[i]}`);
const clock = seconds => {
  const whole = Math.floor(seconds), pad2 = value => String(value).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes}:${pad2(whole % 60)}` : `${Math.floor(minutes / 60)}:${pad2(minutes % 60)}:${pad2(whole % 60)}`;
};
const nameOf = i => fc.names[fc.who[i] >= 0 ? fc.who[i] : fc.person[i]] ?? '';
const caption = i => [people() && Number.isFinite(fc.similarity[i]) ? fc.similarity[i].toFixed(2) : '', clock(fc.time[i])].filter(Boolean).join(' · ');

function whyLeft(i) {
  if (fc.kept[i]) return '';
  if (people() && fc.who[i] < 0) return fc.person[i] >= 0 ? 'not similar enough' : REASONS[1];
  if (fc.reason[i]) return REASONS[fc.reason[i]];
  if (fc.sharpness[i] < fc.choice.min_tenengrad) return 'not sharp enough';
  return REASONS[REASONS.length - 1];
}

function words(i) {
  const who = fc.who[i] >= 0 ? nameOf(i) : nameOf(i) && `most like ${nameOf(i)}`;
  const sharp = Number.isFinite(fc.sharpness[i]) ? `sharpness ${number(Math.round(fc.sharpness[i]))}` : 'sharpness not measured';
  const film = fc.state && fc.state.videos.length > 1 ? fc.state.videos[fc.video[i]] : '';
  const alike = people() && Number.isFinite(fc.similarity[i]) ? `similarity ${fc.similarity[i].toFixed(3)}` : '';
  const verdict = fc.kept[i] ? 'kept' : `left out: ${whyLeft(i)}`;
  return [who, alike, sharp, clock(fc.time[i]), film, verdict].filter(Boolean).join(' · ');
}

function describe(i) {
  detail.textContent = i >= 0 ? words(i) : '';
}

function showNothing(count) {
  const text = $('.fc-nothing');
  text.hidden = count > 0 || !fc.state;
  if (text.hidden) return;
  const kept = fc.show.view === 'kept';
  text.textContent = !fc.n ? (isRunning(fc.state.scan) ? 'No face has been found yet.' : 'No face was found in what was scanned.')
    : kept && !fc.counts.kept ? 'No face passes. Move a slider to the left, or look at those that are left out.'
    : 'No face here.';
}

function focusOn(position, { scroll = true } = {}) {
  if (!fc.view.length) return;
  focused = Math.max(0, Math.min(fc.view.length - 1, position));
  const pitch = (viewport.clientWidth + GAP) / columns, top = Math.floor(focused / columns) * pitch;
  if (scroll && top < viewport.scrollTop) viewport.scrollTop = top;
  if (scroll && top + pitch > viewport.scrollTop + viewport.clientHeight) viewport.scrollTop = top + pitch - viewport.clientHeight;
  draw();
  if (dialog.open) showZoom();
}

function showZoom() {
  const i = fc.view[focused];
  if (i === undefined) { dialog.close(); return; }
  dialog.querySelector('img').src = thumb(i);
  dialog.querySelector('p').textContent = words(i);
  if (!dialog.open) dialog.showModal();
}

const steps = key => {
  const page = Math.max(1, Math.floor(viewport.clientHeight / (cell + GAP))) * columns;
  return { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, PageDown: page, PageUp: -page,
    Home: -fc.view.length, End: fc.view.length }[key];
};
const onKey = event => {
  const step = steps(event.key);
  if (step) focusOn(focused + step);
  else if ((event.key === 'Enter' || event.key === ' ') && event.currentTarget === viewport) showZoom();
  else return;
  event.preventDefault();
};
viewport.addEventListener('keydown', onKey);
dialog.addEventListener('keydown', event => { if (event.key.startsWith('Arrow')) onKey(event); });
dialog.addEventListener('click', event => {
  const step = event.target.dataset.step;
  if (step) focusOn(focused + Number(step));
  else if (event.target === dialog || event.target.classList.contains('fc-close')) dialog.close();
});
pad.addEventListener('click', event => {
  const box = event.target.closest('.fc-cell');
  if (!box) return;
  const position = Number(box.dataset.position), again = position === focused && document.activeElement === viewport;
  viewport.focus({ preventScroll: true });
  focusOn(position);
  if (again) showZoom();
});
pad.addEventListener('pointerover', event => {
  const box = event.target.closest('.fc-cell');
  if (box) describe(fc.view[Number(box.dataset.position)]);
});
pad.addEventListener('pointerleave', () => describe(fc.view.length ? fc.view[focused] : -1));
viewport.addEventListener('scroll', draw, { passive: true });
$('.fc-size input').addEventListener('input', event => { cell = Number(event.target.value); draw(); });
new ResizeObserver(later).observe(viewport);
