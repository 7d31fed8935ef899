import { useEffect, useRef } from 'preact/hooks';
import { Announcer } from './parts/announcer.tsx';
import { Header } from './parts/header.tsx';
import { Lazy } from './parts/lazy.tsx';
import { Navigation, viewTitles } from './parts/navigation.tsx';
import { PastBanner } from './parts/past-banner.tsx';
import { route, type View } from './state/route.ts';
import { RunView } from './views/run/run-view.tsx';

/** Views are loaded when they are first looked at, but for the first of all. */
const loaders: Readonly<Record<Exclude<View, 'run'>, () => Promise<{ default: preact.ComponentType }>>> = {
  rounds: () => import('./views/rounds/rounds-view.tsx'),
  clients: () => import('./views/clients/clients-view.tsx'),
  charts: () => import('./views/charts/charts-view.tsx'),
  timeline: () => import('./views/timeline/timeline-view.tsx'),
  operate: () => import('./views/operate/operate-view.tsx'),
};

export function App() {
  const { view } = route.value;
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  useEffect(() => {
    // Who goes to another view by keyboard or screen reader goes on reading there.
    if (!isFirst.current) main.current?.focus({ preventScroll: true });
    isFirst.current = false;
    window.scrollTo(0, 0);
  }, [view]);
  return (
    <>
      <button class="skip" type="button" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <Header />
      <Navigation />
      <main id="main" ref={main} tabIndex={-1} aria-label={viewTitles[view]}>
        <PastBanner />
        {view === 'run' ? <RunView /> : <Lazy key={view} load={loaders[view]} />}
      </main>
      <Announcer />
    </>
  );
}
