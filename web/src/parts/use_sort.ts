import { useCallback } from "preact/hooks";
import { replaceQuery } from "../router";
import { parseSort, sortText, type Sort } from "../state/sort";

/** The order of a page's table, kept in its address. */
export function useSort(query: URLSearchParams, columns: readonly { id: string }[], otherwise: Sort) {
  const sort = parseSort(
    query.get("sort"),
    columns.map(({ id }) => id),
    otherwise,
  );
  const onSort = useCallback((next: Sort) => replaceQuery({ sort: sortText(next) }), []);
  return { sort, onSort };
}
