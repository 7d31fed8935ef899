import { useEffect, useState } from 'preact/hooks';
import { chartCss } from '../../../../src/inspect/svg.ts';
import { api } from '../../api/api.ts';
import { Trouble } from '../../parts/small.tsx';
import { useAnswer } from '../../parts/use-answer.ts';
import { hrefOf, route } from '../../state/route.ts';
import { Aside } from './aside.tsx';
import { useMachines } from './machines.ts';
import { Stage } from './stage.tsx';
import { useActive } from './use-active.ts';

/** The charts' own stylesheet, kept with the code that draws them. */
const sheet = new CSSStyleSheet();
sheet.replaceSync(chartCss);

/** The machines as they are, drawn from their own definitions. */
export default function ChartsView() {
  const { answer, problem } = useAnswer('charts', api.charts);
  useMachines(answer?.isLive ?? false);
  useEffect(() => {
    document.adoptedStyleSheets = [sheet];
    return () => {
      document.adoptedStyleSheets = [];
    };
  }, []);
  const [chosen = 'round', clientId = ''] = route.value.rest;
  const chart = answer?.charts.find(({ id }) => id === chosen) ?? answer?.charts[0];
  const [event, setEvent] = useState<string | null>(null);
  const active = useActive(chart?.id ?? '', answer?.isLive ?? false, clientId);
  if (problem) return <Trouble>The charts could not be read: {problem}</Trouble>;
  if (!answer || !chart) return <p class="faint loading">Reading the machines’ definitions…</p>;
  return (
    <div class="charts-view">
      <nav class="tabs" aria-label="Machines">
        {answer.charts.map(({ id }) => (
          <a
            key={id}
            href={hrefOf('charts', id)}
            aria-current={id === chart.id ? 'true' : undefined}
            onClick={() => setEvent(null)}
          >
            {id}
          </a>
        ))}
      </nav>
      <div class="charts-body">
        <Stage key={chart.id} chart={chart} active={active.states} event={event} choose={setEvent} />
        <Aside {...{ chart, active, event, clientId }} isLive={answer.isLive} choose={setEvent} />
      </div>
    </div>
  );
}
