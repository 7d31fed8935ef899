import { readAudit } from '../../api/operations.ts';
import { Pill, Trouble } from '../../parts/small.tsx';
import { useAnswer } from '../../parts/use-answer.ts';
import { serverNow } from '../../state/live.ts';
import { moment } from '../../words/numbers.ts';

/** What operators did, each entry chained to the one before by its hash. */
export function Audit({ version }: { version: number }) {
  const { answer, problem } = useAnswer(`audit ${version}`, async (signal) => ({ log: await readAudit(signal) }));
  const log = answer?.log;
  return (
    <section class="card" aria-labelledby="audit-title">
      <div class="bar">
        <h2 id="audit-title">Audit log</h2>
        {log &&
          (log.isIntact ? <Pill tone="good">hash chain holds</Pill> : <Pill tone="bad">hash chain is broken</Pill>)}
      </div>
      {problem && <Trouble>{problem}</Trouble>}
      {answer && !log && <p class="faint">This server keeps no audit log.</p>}
      {log?.entries.length === 0 && <p class="faint">Nothing was done by an operator yet.</p>}
      {log && log.entries.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <section class="scroll" tabIndex={0} aria-label="Audit log, newest first">
          <table>
            <thead>
              <tr>
                <th scope="col" class="num">
                  Entry
                </th>
                <th scope="col">When</th>
                <th scope="col">What was done</th>
                <th scope="col" class="wide">
                  Hash
                </th>
              </tr>
            </thead>
            <tbody>
              {log.entries.map(({ seq, atMs, sentence, hash, previousHash }) => (
                <tr key={seq}>
                  <th scope="row" class="num">
                    {seq}
                  </th>
                  <td>{moment(atMs, serverNow())}</td>
                  <td>{sentence}</td>
                  <td class="wide">
                    <code title={`${hash}, after ${previousHash}`}>{hash.slice(0, 16)}</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  );
}
