import { useState } from 'preact/hooks';
import type { ModelView } from '../../../../src/domain/model.ts';
import { modelUrl } from '../../api/api.ts';
import { serverNow } from '../../state/live.ts';
import { planOfRun, shownModels, shownStatus } from '../../state/moment.ts';
import { bytes, count, metric, moment } from '../../words/numbers.ts';
import { bestModel, evaluated } from './best-model.ts';

const shownAtFirst = 8;

/** Every version of the model, to be downloaded. */
export function Models() {
  const [isWhole, setWhole] = useState(false);
  const models = shownModels.value;
  const newestFirst = [...(models ?? [])].reverse();
  const shown = isWhole ? newestFirst : newestFirst.slice(0, shownAtFirst);
  const ofRun = (models ?? []).filter(({ run }) => run === shownStatus.value?.run);
  const best = bestModel(ofRun, planOfRun.value?.stopMetric ?? null);
  if (best && !shown.includes(best.model)) shown.push(best.model);
  const metrics = columnsOf(newestFirst);
  return (
    <section class="card models" aria-labelledby="models-title">
      <h2 id="models-title">Models</h2>
      {newestFirst.length === 0 ? (
        <p class="faint">None yet. Each committed round makes the next version.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <section class="scroll" tabIndex={0} aria-label="Versions of the model, newest first">
          <table>
            <thead>
              <tr>
                <th scope="col">Version</th>
                <th scope="col">Made</th>
                {metrics.map(({ label, name }) => (
                  <th scope="col" class="num metric" key={label}>
                    {name}
                    {label !== name && <span class="faint below">evaluated</span>}
                  </th>
                ))}
                <th scope="col" class="num">
                  Download
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((model) => (
                <Row key={model.version} {...{ model, metrics }} isBest={best?.model === model} />
              ))}
            </tbody>
          </table>
        </section>
      )}
      {newestFirst.length > shownAtFirst && (
        <button class="quiet" type="button" onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'Show the newest only' : `Show all ${count(newestFirst.length)}`}
        </button>
      )}
    </section>
  );
}

/** A column of a metric: as contributors measured it, or as it was evaluated. */
interface Column {
  label: string;
  name: string;
  read: (model: ModelView) => number | undefined;
}

/** Models whose metrics make the columns: the newest. */
const lookedAtMax = 50;

/** Where models were evaluated, that is what counts; else what contributors measured. */
function columnsOf(models: readonly ModelView[]): Column[] {
  const newest = models.slice(0, lookedAtMax);
  const namesOf = (metrics: (model: ModelView) => object) =>
    [...new Set(newest.flatMap((model) => Object.keys(metrics(model))))].slice(0, 2);
  const found = namesOf(evaluated);
  if (found.length > 0) {
    return found.map((name) => ({ label: `${name} evaluated`, name, read: (model) => evaluated(model)[name] }));
  }
  return namesOf(({ metrics }) => metrics).map((name) => ({
    label: name,
    name,
    read: ({ metrics }) => metrics[name],
  }));
}

function Row({ model, metrics, isBest }: { model: ModelView; metrics: readonly Column[]; isBest: boolean }) {
  const { version, round, createdAtMs, sha256 } = model;
  return (
    <tr>
      <th scope="row">
        {version}
        {isBest && <span class="best">best</span>}
      </th>
      <td class="one-line">
        {round === 0 ? 'installed' : `round ${round}`} <span class="faint">{moment(createdAtMs, serverNow())}</span>
      </td>
      {metrics.map(({ label, read }) => {
        const value = read(model);
        return (
          <td class="num" key={label}>
            {value === undefined ? '–' : metric(value)}
          </td>
        );
      })}
      <td class="num">
        <a
          href={modelUrl(version)}
          download={`model-${version}.safetensors`}
          aria-label={`Download version ${version}, ${bytes(model.bytes)}`}
          title={`SHA-256 ${sha256}`}
        >
          {bytes(model.bytes)}
        </a>
      </td>
    </tr>
  );
}
