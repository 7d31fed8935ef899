import { useMemo } from 'preact/hooks';
import { count } from '../../words/numbers.ts';
import { countShapes, type Session, shapeMarks } from './sessions.ts';

/** The shapes of the cohort's sessions, counted: a new or frequent odd one points to trouble. */
export function Shapes({ sessions }: { sessions: readonly Session[] }) {
  const shapes = useMemo(() => countShapes(sessions), [sessions]);
  return (
    <section class="card shapes" aria-labelledby="shapes-title">
      <h3 id="shapes-title">Session shapes</h3>
      {shapes.length === 0 ? (
        <p class="faint">No session in this attempt.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Shape</th>
              <th scope="col" class="num">
                Sessions
              </th>
              <th scope="col" class="num">
                Share
              </th>
            </tr>
          </thead>
          <tbody>
            {shapes.map(({ shape, sessions: some }) => (
              <tr key={shape}>
                <th scope="row">
                  <code>{shape}</code>
                </th>
                <td class="num">{count(some)}</td>
                <td class="num">{Math.round((100 * some) / sessions.length)} %</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <ul class="marks">
        {shapeMarks
          .filter(([mark]) => mark !== '·' || shapes.some(({ shape }) => shape.includes(mark)))
          .map(([mark, meaning]) => (
            <li key={mark}>
              <code>{mark}</code> {meaning}
            </li>
          ))}
      </ul>
      <p class="note">Notation of Bonawitz et al. 2019, “Towards federated learning at scale”, appendix A.</p>
    </section>
  );
}
