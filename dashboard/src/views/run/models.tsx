import { useState } from 'preact/hooks';
import type { ModelInfo } from '../../../../src/domain/model.ts';
import { modelUrl } from '../../api/api.ts';
import { serverNow } from '../../state/live.ts';
import { shownModels, shownStatus } from '../../state/moment.ts';
import { bytes, count, metric, moment } from '../../words/numbers.ts';
import { bestModel } from './best-model.ts';

const shownAtFirst = 8;

/** Every version of the model, to be downloaded. */
export function Models() {
  const [isWhole, setWhole] = useState(false);
  const models = shownModels.value;
  const newestFirst = [...(models ?? [])].reverse();
  const shown = isWhole ? newestFirst : newestFirst.slice(0, shownAtFirst);
  const best = bestModel((models ?? []).filter(({ run }) => run === shownStatus.value?.run));
  if (best && !shown.includes(best.model)) shown.push(best.model);
  const metrics = metricsOf(newestFirst);
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
                {metrics.map((name) => (
                  <th scope="col" class="num" key={name}>
                    {name}
                  </th>
                ))}
                <th scope="col" class="num">
                  Size
                </th>
                <th scope="col">
                  <span class="sr-only">Download</span>
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

const metricsOf = (models: readonly ModelInfo[]): string[] =>
  [...new Set(models.slice(0, 50).flatMap((model) => Object.keys(model.metrics)))].slice(0, 2);

function Row({ model, metrics, isBest }: { model: ModelInfo; metrics: readonly string[]; isBest: boolean }) {
  const { version, round, createdAtMs, sha256 } = model;
  return (
    <tr>
      <th scope="row">
        {version}
        {isBest && <span class="best">best</span>}
      </th>
      <td>
        {round === 0 ? 'installed' : `round ${round}`} <span class="faint">{moment(createdAtMs, serverNow())}</span>
      </td>
      {metrics.map((name) => (
        <td class="num" key={name}>
          {model.metrics[name] === undefined ? '–' : metric(model.metrics[name])}
        </td>
      ))}
      <td class="num">{bytes(model.bytes)}</td>
      <td class="num">
        <a
          href={modelUrl(version)}
          download={`model-${version}.safetensors`}
          aria-label={`Download version ${version}`}
          title={`SHA-256 ${sha256}`}
        >
          Download
        </a>
      </td>
    </tr>
  );
}
