import { hrefOf, route, type View, views } from '../state/route.ts';
import { Icon } from './icons.tsx';

export const viewTitles: Readonly<Record<View, string>> = {
  run: 'Run',
  rounds: 'Rounds',
  clients: 'Clients',
  charts: 'Statecharts',
  timeline: 'Timeline',
  operate: 'Operate',
};

export function Navigation() {
  const { view } = route.value;
  return (
    <nav class="views" aria-label="Views">
      {views.map((one) => (
        <a key={one} href={hrefOf(one)} aria-current={one === view ? 'page' : undefined}>
          <Icon of={one} />
          <span>{viewTitles[one]}</span>
        </a>
      ))}
    </nav>
  );
}
