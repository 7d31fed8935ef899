import { OperatorsOnly } from '../../parts/sign-in.tsx';
import { Empty } from '../../parts/small.tsx';
import { moment } from '../../state/moment.ts';
import { route } from '../../state/route.ts';
import { timeOfDay } from '../../words/numbers.ts';
import { ClientDetail } from './client-detail.tsx';
import { ClientTable } from './client-table.tsx';

/** The population, page by page, or one client. What clients are is for operators only. */
export default function ClientsView() {
  const [clientId = ''] = route.value.rest;
  const past = moment.value;
  if (past && clientId === '') {
    return (
      <Empty title={`Clients as of ${timeOfDay(past.entry.atMs)}`}>
        <p>
          The event log knows what each client did in its rounds: open a round to see its cohort. A list of the whole
          population is kept of the present only; go back to now to see it.
        </p>
      </Empty>
    );
  }
  return (
    <OperatorsOnly why="The list of clients, with their names, attributes and states, is for operators.">
      {clientId === '' ? <ClientTable /> : <ClientDetail clientId={clientId} />}
    </OperatorsOnly>
  );
}
