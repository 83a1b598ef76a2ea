// What the run is doing, in words.
const STAGES = {
  fetch: 'Downloading…', prescan: 'Looking for the spans worth scanning…', models: 'Loading the models…', references: 'Reading the photos…', tracks: 'Following the faces over time…',
  paused: 'Paused: the disk is full. It goes on by itself once there is room.',
};
const ENDED = {
  cancelled: 'Stopped. What was found is kept.',
  interrupted: 'Interrupted: Facecrop was closed while this ran. What was found is kept.',
  failed: 'Stopped by a problem. What was found is kept.',
};

function duration(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  return seconds < 3600 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function scanWords({ scan, count }) {
  const found = `${number(count)} ${count === 1 ? 'face' : 'faces'}`;
  const progress = scan.progress;
  if (scan.state === 'done') return `Scanned. ${found} found.`;
  if (scan.state !== 'running') return `${ENDED[scan.state] || ''} ${found}.`;
  if (!progress) return 'Starting…';
  if (progress.stage !== 'scan') return STAGES[progress.stage] || 'Finishing…';
  return [
    progress.total ? `${clock(progress.done)} of ${clock(progress.total)}` : clock(progress.done),
    `${number(Math.max(progress.faces, count))} faces`,
    `${progress.samples_per_second.toFixed(progress.samples_per_second < 10 ? 1 : 0)} frames/s`,
    progress.seconds_left === null ? '' : `${duration(progress.seconds_left)} left`,
  ].filter(Boolean).join(' · ');
}

function showWatch() {
  const state = fc.state;
  if (!state) {
    $('.fc-facts').textContent = fc.lost ? 'Facecrop does not answer. Trying again…' : '';
    return;
  }
  const scan = state.scan, running = isRunning(scan);
  $('.fc-title').textContent = state.title;
  $('.fc-facts').textContent = fc.lost ? 'Facecrop does not answer. Trying again…' : scanWords(state);
  showBar($('.fc-watch .fc-progress'), running, scan.progress);
  $('.fc-cancel').hidden = !working();
  $('.fc-resume').hidden = !(scan.state in ENDED);
  const asked = scan.state === 'cancelled';
  showNotice($('.fc-watch .fc-notice'), asked ? '' : scan.error || partialWords(scan), asked ? '' : scan.hint);
  showNotes([...(state.scan.notes || []), ...((state.export || {}).notes || [])]);
}

function partialWords(scan) {
  if (!scan.result || scan.result.status !== 'partial') return '';
  const failed = scan.result.videos.filter(video => video.error).map(video => video.error);
  return failed.length ? failed.join(' ') : 'Parts of the video are damaged and could not be read. The rest was scanned.';
}

function showBar(bar, visible, progress) {
  const share = progress && progress.total ? Math.min(1, progress.done / progress.total) : null;
  bar.hidden = !visible;
  bar.classList.toggle('fc-busy', share === null || progress.stage === 'tracks');
  bar.firstElementChild.style.width = share === null ? '' : `${share * 100}%`;
  if (share === null) bar.removeAttribute('aria-valuenow'); else bar.setAttribute('aria-valuenow', Math.round(share * 100));
}

function showNotice(box, message, hint) {
  box.hidden = !message;
  box.replaceChildren(...[message, hint].filter(Boolean).map((text, i) => {
    const line = document.createElement('p');
    line.textContent = text;
    line.className = i ? '' : 'fc-strong';
    return line;
  }));
}

function showNotes(notes) {
  const box = $('.fc-notes');
  box.hidden = !notes.length;
  box.querySelector('summary').textContent = notes.length === 1 ? '1 remark' : `${notes.length} remarks`;
  box.querySelector('ul').replaceChildren(...notes.map(note => {
    const line = document.createElement('li');
    line.textContent = note.text;
    return line;
  }));
}

const showTrouble = error => showNotice($('.fc-watch .fc-notice'), error.message, error.hint);

$('.fc-cancel').addEventListener('click', async () => {
  $('.fc-facts').textContent = 'Stopping…';
  await post('cancel').catch(showTrouble);
  poll();
});
$('.fc-resume').addEventListener('click', async () => {
  await post('resume').catch(showTrouble);
  poll();
});
