import { count } from '../words/numbers.ts';

export function Pager({ page, pages, go }: { page: number; pages: number; go: (page: number) => void }) {
  if (pages < 2) return null;
  return (
    <nav class="pager" aria-label="Pages">
      <button type="button" disabled={page === 0} onClick={() => go(page - 1)}>
        Previous
      </button>
      <span>
        Page {count(page + 1)} of {count(pages)}
      </span>
      <button type="button" disabled={page >= pages - 1} onClick={() => go(page + 1)}>
        Next
      </button>
    </nav>
  );
}
