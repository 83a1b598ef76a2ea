// Begins: follows the run that the page names.
const startButton = document.getElementById('start');
fc.startBegan = () => {
  startButton.disabled = true;
  $('.fc-facts').textContent = 'Taking the files in…';
};
fc.startEnded = () => {
  startButton.disabled = false;
  showWatch();
  if (innerWidth < 900 && fc.run) root.scrollIntoView({ behavior: 'smooth', block: 'start' });
};
const follow = () => fc.attach(props.value && props.value.run);
watch('value', follow);
document.addEventListener('visibilitychange', () => { if (!document.hidden && fc.run && (fc.lost || working())) poll(); });
follow();
