import type { Page } from 'playwright-core';

/** A frame or a task that takes longer is noticed, ms. */
const noticedMs = 50;

export interface FrameTimes {
  frames: number;
  p50Ms: number;
  p99Ms: number;
  longestMs: number;
  over50: number;
  /** Tasks of the page's thread of more than 50 ms, and the longest of them, ms. */
  longTasks: number;
  longestTaskMs: number;
}

/** What the page did with each frame. */
export interface Frames {
  /** Time between frames, ms. */
  gaps: number[];
  /** Tasks of more than 50 ms, ms. */
  tasks: number[];
}

/** Looks at the page for so long, ms, from now on. */
export async function watchFrames(page: Page, ms: number): Promise<Frames> {
  return page.evaluate(watchInPage, ms);
}

export function frameTimesOf(all: readonly Frames[]): FrameTimes {
  const gaps = all.flatMap((one) => one.gaps).sort((a, b) => a - b);
  const tasks = all.flatMap((one) => one.tasks);
  const at = (share: number) => tenths(gaps[Math.floor(share * (gaps.length - 1))] ?? 0);
  return {
    frames: gaps.length,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    longestMs: at(1),
    over50: gaps.filter((gap) => gap > noticedMs).length,
    longTasks: tasks.length,
    longestTaskMs: tenths(Math.max(0, ...tasks)),
  };
}

export const tenths = (value: number): number => Math.round(value * 10) / 10;

/** In the page. */
function watchInPage(ms: number): Promise<{ gaps: number[]; tasks: number[] }> {
  return new Promise((resolve) => {
    const gaps: number[] = [];
    const tasks: number[] = [];
    const observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) tasks.push(duration);
    });
    observer.observe({ type: 'longtask' });
    const beganMs = performance.now();
    let lastMs = beganMs;
    const frame = (nowMs: number) => {
      gaps.push(nowMs - lastMs);
      lastMs = nowMs;
      if (nowMs - beganMs < ms) requestAnimationFrame(frame);
      else {
        observer.disconnect();
        resolve({ gaps: gaps.slice(1), tasks });
      }
    };
    requestAnimationFrame(frame);
  });
}
