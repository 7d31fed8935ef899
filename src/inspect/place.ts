/**
 * Places a chart's states, edges and labels with ELK's layered algorithm. The result is plain data, the same on every
 * run and machine, so that exported charts change only when the machine does. Runs in Node and in browsers: the engine
 * is handed in.
 */
import type { ELK, ElkExtendedEdge, ElkNode } from 'elkjs';
import { anchorBox, edgeBox, stateBox, type TextBox } from './boxes.ts';
import { type Chart, type ChartEdge, type ChartState, everyState, leadsInside } from './chart.ts';

export interface Point {
  x: number;
  y: number;
}

export interface PlacedState {
  state: ChartState;
  /** 0 for the machine itself. */
  depth: number;
  x: number;
  y: number;
  width: number;
  height: number;
  text: TextBox;
}

/** One line drawn between two states; it stands for every edge from the one to the other. */
export interface PlacedEdge {
  from: string;
  to: string;
  points: Point[];
  /** One label for each edge, top down. */
  labels: { edge: ChartEdge; x: number; y: number; width: number; height: number; text: TextBox }[];
}

/** Where the edges begin that a compound state has to states inside it: they may be taken in any of these. */
export interface PlacedAnchor {
  of: string;
  x: number;
  y: number;
  width: number;
  height: number;
  text: TextBox;
}

/** The dot, and the line from it to the state a compound state starts in. */
export interface PlacedStart {
  of: string;
  to: string;
  x: number;
  y: number;
  points: Point[];
}

/** All coordinates are px from the drawing's upper left corner. */
export interface ChartLayout {
  chart: Chart;
  width: number;
  height: number;
  /** Every parent before its children. */
  states: PlacedState[];
  edges: PlacedEdge[];
  starts: PlacedStart[];
  anchors: PlacedAnchor[];
}

export const startDotRadius = 5;

/** Between the labels on one line, px. */
const labelGap = 3;

const options: Record<string, string> = {
  'elk.algorithm': 'layered',
  'elk.direction': 'DOWN',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.edgeRouting': 'ORTHOGONAL',
  // From the start dots on, so that a chart reads downwards from its initial state.
  'elk.layered.cycleBreaking.strategy': 'DEPTH_FIRST',
  'elk.randomSeed': '1',
  'elk.padding': '[top=8,left=8,bottom=8,right=8]',
  'elk.json.shapeCoords': 'ROOT',
  'elk.json.edgeCoords': 'ROOT',
  'elk.layered.nodePlacement.strategy': 'BRANDES_KOEPF',
  'elk.layered.spacing.nodeNodeBetweenLayers': '28',
  'elk.layered.spacing.edgeNodeBetweenLayers': '16',
  'elk.spacing.nodeNode': '28',
  'elk.spacing.edgeNode': '18',
  'elk.spacing.edgeEdge': '14',
  'elk.spacing.edgeLabel': '4',
  'elk.spacing.nodeSelfLoop': '14',
};

/** What is asked of ELK. */
export type LayoutEngine = Pick<ELK, 'layout'>;

/** @returns where everything goes. */
export async function placeChart(chart: Chart, engine: LayoutEngine): Promise<ChartLayout> {
  const texts = new Map(everyState(chart).map((state) => [state.id, stateBox(state, chart)]));
  const bundles = bundleEdges(chart.edges);
  const placed = await engine.layout({
    id: '',
    layoutOptions: options,
    children: [elkState(chart, chart, texts)],
    edges: [...bundles.entries()].map(([id, edges]) => elkEdge(id, edges)),
  });
  return readLayout(chart, texts, bundles, placed);
}

/** Edges between the same two states share a line. Those that leave nothing are text in their state's box. */
function bundleEdges(edges: readonly ChartEdge[]): Map<string, ChartEdge[]> {
  const bundles = new Map<string, ChartEdge[]>();
  for (const edge of edges) {
    if (edge.to === null) continue;
    const id = `${edge.from} → ${edge.to}`;
    bundles.set(id, [...(bundles.get(id) ?? []), edge]);
  }
  return bundles;
}

const startId = (state: ChartState): string => `${state.id}/start`;
const anchorId = (stateId: string): string => `${stateId}/any`;

function elkState(state: ChartState, chart: Chart, texts: ReadonlyMap<string, TextBox>): ElkNode {
  const { width, height } = texts.get(state.id) ?? { width: 0, height: 0 };
  if (state.states.length === 0) return { id: state.id, width: Math.max(width, 88), height };
  const node: ElkNode = {
    id: state.id,
    layoutOptions: {
      ...options,
      'elk.padding': `[top=${height + 12},left=18,bottom=18,right=18]`,
      'elk.nodeSize.constraints': 'MINIMUM_SIZE',
      'elk.nodeSize.minimum': `(${width}, ${height})`,
    },
    children: state.states.map((child) => elkState(child, chart, texts)),
  };
  if (state.initial !== null) {
    const size = 2 * startDotRadius;
    const dot = { id: startId(state), width: size, height: size };
    node.children?.unshift(dot);
    node.edges = [{ id: `${dot.id} → ${state.initial}`, sources: [dot.id], targets: [state.initial] }];
  }
  if (chart.edges.some((edge) => edge.from === state.id && leadsInside(edge))) {
    node.children?.push({ id: anchorId(state.id), width: anchorBox.width, height: anchorBox.height });
  }
  return node;
}

/** A bundle's labels are laid out as one, so that they stand together, one above the other. */
function elkEdge(id: string, edges: readonly ChartEdge[]): ElkExtendedEdge {
  const [first] = edges;
  const boxes = edges.map(edgeBox);
  return {
    id,
    sources: first ? [leadsInside(first) ? anchorId(first.from) : first.from] : [],
    targets: first?.to ? [first.to] : [],
    labels: [
      {
        id: `${id}/label`,
        text: id,
        width: Math.max(...boxes.map((box) => box.width)),
        height: boxes.reduce((sum, box) => sum + box.height + labelGap, -labelGap),
        layoutOptions: { 'elk.edgeLabels.inline': 'true', 'elk.edgeLabels.placement': 'CENTER' },
      },
    ],
  };
}

function readLayout(
  chart: Chart,
  texts: ReadonlyMap<string, TextBox>,
  bundles: ReadonlyMap<string, ChartEdge[]>,
  root: ElkNode,
): ChartLayout {
  const nodes = new Map<string, { node: ElkNode; depth: number }>();
  const drawn = new Map<string, ElkExtendedEdge>();
  const collect = (node: ElkNode, depth: number): void => {
    for (const edge of node.edges ?? []) drawn.set(edge.id ?? '', edge);
    for (const child of node.children ?? []) {
      nodes.set(child.id, { node: child, depth });
      collect(child, depth + 1);
    }
  };
  collect(root, 0);

  const layout: ChartLayout = {
    chart,
    width: Math.ceil(root.width ?? 0),
    height: Math.ceil(root.height ?? 0),
    states: [],
    edges: [],
    starts: [],
    anchors: [],
  };
  for (const state of everyState(chart)) {
    const { node, depth } = nodes.get(state.id) ?? { node: { id: state.id }, depth: 0 };
    const text = texts.get(state.id) ?? { width: 0, height: 0, lines: [] };
    layout.states.push({ state, depth, ...boundsOf(node), text });
    const anchor = nodes.get(anchorId(state.id))?.node;
    if (anchor) layout.anchors.push({ of: state.id, ...boundsOf(anchor), text: anchorBox });
    const dot = nodes.get(startId(state))?.node;
    if (state.initial === null || !dot) continue;
    const points = pointsOf(drawn.get(`${dot.id} → ${state.initial}`));
    const { x, y } = boundsOf(dot);
    layout.starts.push({ of: state.id, to: state.initial, x: x + startDotRadius, y: y + startDotRadius, points });
  }
  for (const [id, edges] of bundles) {
    const line = drawn.get(id);
    const [first] = edges;
    if (!line || !first?.to) continue;
    layout.edges.push({ from: first.from, to: first.to, points: pointsOf(line), labels: stackLabels(edges, line) });
  }
  return layout;
}

function stackLabels(edges: readonly ChartEdge[], line: ElkExtendedEdge): PlacedEdge['labels'] {
  const { x, y, width } = boundsOf(line.labels?.[0] ?? {});
  let top = y;
  return edges.map((edge) => {
    const text = edgeBox(edge);
    const label = { edge, x, y: top, width, height: text.height, text };
    top += text.height + labelGap;
    return label;
  });
}

const rounded = (value: number | undefined): number => Math.round((value ?? 0) * 2) / 2;

const boundsOf = (shape: { x?: number; y?: number; width?: number; height?: number }) => ({
  x: rounded(shape.x),
  y: rounded(shape.y),
  width: rounded(shape.width),
  height: rounded(shape.height),
});

function pointsOf(edge: ElkExtendedEdge | undefined): Point[] {
  return (edge?.sections ?? [])
    .flatMap(({ startPoint, bendPoints = [], endPoint }) => [startPoint, ...bendPoints, endPoint])
    .map(({ x, y }) => ({ x: rounded(x), y: rounded(y) }));
}
