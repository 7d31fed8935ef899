import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

const tickMs = 250;

/** Rises while somebody looks at a countdown and the tab is shown. */
export const tick = signal(0);

let watching = 0;
let timer = 0;

function start(): void {
  if (timer !== 0) return;
  timer = window.setInterval(() => {
    if (!document.hidden) tick.value += 1;
  }, tickMs);
}

/** Draws the component again four times a second, for as long as it is there. */
export function useTick(): void {
  useEffect(() => {
    watching += 1;
    start();
    return () => {
      watching -= 1;
      if (watching > 0) return;
      clearInterval(timer);
      timer = 0;
    };
  }, []);
  void tick.value;
}
