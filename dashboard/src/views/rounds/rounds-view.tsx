import { route } from '../../state/route.ts';
import { RoundDetail } from './round-detail.tsx';
import { RoundTable } from './round-table.tsx';

/** Every attempt at a round, or one of them in detail. */
export default function RoundsView() {
  const [run = '', round = '', attempt = ''] = route.value.rest;
  if (run === '') return <RoundTable />;
  return <RoundDetail run={run} round={Number(round)} attempt={Number(attempt)} />;
}
