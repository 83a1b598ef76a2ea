// Writing the crops, and fetching them.
const format = $('.fc-format'), writeButton = $('.fc-write');

function showExport() {
  const state = fc.state;
  if (!state) return;
  const job = state.export, writing = isRunning(job), kept = fc.counts.kept;
  fillFormats(state.formats);
  writeButton.textContent = `Export ${number(kept)} ${kept === 1 ? 'crop' : 'crops'}`;
  writeButton.disabled = working() || !kept;
  writeButton.title = isRunning(state.scan) ? 'The scan has to end, or be cancelled, first.' : '';
  showBar($('.fc-export .fc-progress'), writing, job && job.progress && { ...job.progress });
  $('.fc-wrote').textContent = $('.fc-wrote').title = exportWords(state, job);
  showNotice($('.fc-export .fc-notice'), job && job.state === 'failed' ? job.error : '', job && job.hint);
  const done = Boolean(job) && job.state === 'done', files = (done && job.result.files) || {};
  const download = $('.fc-download'), sheet = $('.fc-sheet');
  download.hidden = !done || !job.result.saved;
  sheet.hidden = !files.contact_sheet;
  if (done) {
    download.href = url('archive.zip');
    download.textContent = `Download ${number(job.result.saved)} ${job.result.saved === 1 ? 'crop' : 'crops'} (ZIP)`;
    sheet.href = url('sheet.jpg', `of=${encodeURIComponent(job.result.out)}`);
  }
  const { name, licence } = state.engine;
  $('.fc-licence').textContent = name ? `Models: ${name}. ${licence}` : '';
}

function exportWords(state, job) {
  if (isRunning(state.scan)) return 'Possible once the scan has ended.';
  if (!job) return '';
  if (job.state === 'running') {
    const progress = job.progress;
    if (progress && progress.stage === 'paused') return STAGES.paused;
    return progress && progress.total ? `Writing ${number(progress.done)} of ${number(progress.total)}…` : 'Starting…';
  }
  if (job.state === 'done') return `Written to ${job.result.out}`;
  return job.state === 'cancelled' ? 'The export was stopped.' : job.state === 'interrupted' ? 'The export was interrupted.' : '';
}

function fillFormats(names) {
  if (format.options.length !== names.length) format.replaceChildren(...names.map(name => new Option(name.toUpperCase(), name)));
  if (document.activeElement !== format) format.value = fc.choice.image_format;
}

format.addEventListener('change', () => fc.setChoice({ image_format: format.value }));
writeButton.addEventListener('click', async () => {
  writeButton.disabled = true;
  await post('export', fc.choice).catch(error => showNotice($('.fc-export .fc-notice'), error.message, error.hint));
  poll();
});
