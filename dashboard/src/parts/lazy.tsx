import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { sentenceOf } from '../api/problem.ts';
import { Trouble } from './small.tsx';

/** Shows a component that is loaded meanwhile. */
export function Lazy({ load }: { load: () => Promise<{ default: ComponentType }> }) {
  const [loaded, setLoaded] = useState<{ Component: ComponentType | null; problem: string | null }>({
    Component: null,
    problem: null,
  });
  useEffect(() => {
    load()
      .then(({ default: Component }) => setLoaded({ Component, problem: null }))
      .catch((error: unknown) => setLoaded({ Component: null, problem: sentenceOf(error) }));
  }, [load]);
  const { Component, problem } = loaded;
  if (problem) return <Trouble>This view could not be loaded: {problem} Reload the page.</Trouble>;
  return Component ? <Component /> : <p class="faint loading">Loading…</p>;
}
