import type { View } from '../state/route.ts';

const paths: Readonly<Record<View, string>> = {
  run: 'M3 17l5-6 4 4 8-9M3 21h18',
  rounds: 'M4 6h10M4 12h16M4 18h7M17 6h3M14 18h6',
  clients:
    'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20a6.5 6.5 0 0 1 13 0M16 4.500a3.5 3.5 0 0 1 0 6.500M18 14.500a6.5 6.5 0 0 1 3.5 5.5',
  charts: 'M4 4h7v5H4zM13 15h7v5h-7zM7.5 9v8.500H13',
  timeline: 'M3 12h18M7 8v8M12 5v14M17 9v6',
  operate: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 4.500v5M9 14.500v5',
};

export function Icon({ of }: { of: View }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[of]} />
    </svg>
  );
}
