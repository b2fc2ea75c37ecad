//! Joins curves end to end into closed contours and open chains. Never moves a point and never drops a curve:
//! each selected curve is in exactly one chain, is listed as degenerate, or as a repeat of another.

use crate::model::{Curve, Drawing};
use crate::nodes::Nodes;
use crate::point::{Extents, Point};

/// A curve's place in a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// A place in `Drawing::curves`.
    pub curve: u32,
    /// Travelled from its end to its start.
    pub reversed: bool,
}

/// Curves that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    first: u32,
    count: u32,
    pub closed: bool,
}

/// All chains of a selection.
#[derive(Clone, Debug, Default)]
pub struct Joined {
    pub chains: Vec<Chain>,
    members: Vec<Member>,
    /// Curves not longer than the tolerance that end where they begin.
    pub degenerate: Vec<u32>,
    /// Curves drawn twice: each repeats another one of the same ends, length and box.
    pub repeats: Vec<u32>,
}

impl Joined {
    pub fn members(&self, chain: &Chain) -> &[Member] {
        let first = chain.first as usize;
        self.members
            .get(first..first + chain.count as usize)
            .unwrap_or_default()
    }

    fn push(&mut self, members: impl IntoIterator<Item = Member>, closed: bool) {
        let first = self.members.len();
        self.members.extend(members);
        let count = self.members.len() - first;
        // Each curve is a member once, and curves are counted in 32 bits.
        if let (Ok(first), Ok(count)) = (u32::try_from(first), u32::try_from(count)) {
            self.chains.push(Chain {
                first,
                count,
                closed,
            });
        }
    }
}

/// The join tolerance for a drawing of this box, in mm: it grows with the drawing, stays within what a cutter's
/// software closes (0.05 mm), and never falls below what the coordinates can express.
pub fn tolerance(extents: Extents) -> f64 {
    let size = extents.diagonal();
    let scaled = (size * 2e-5).clamp(0.002, 0.05).min(size * 1e-3);
    scaled
        .max(extents.farthest() * 8.0 * f64::EPSILON)
        .max(f64::MIN_POSITIVE)
}

/// Joins the curves that `selected` names, within `tolerance` (same unit as the drawing).
pub fn join(drawing: &Drawing, selected: &[u32], origin: Point, tolerance: f64) -> Joined {
    let mut joined = Joined::default();
    let graph = Graph::build(drawing, selected, origin, tolerance, &mut joined);
    let leftover = graph.peel_loops(&mut joined);
    graph.chain_rest(leftover, &mut joined);
    joined
}

#[derive(Clone, Copy)]
struct Edge {
    curve: u32,
    a: u32,
    b: u32,
}

impl Edge {
    fn other(self, node: u32) -> u32 {
        if node == self.a { self.b } else { self.a }
    }
}

/// Nodes and the open curves between them; a node's edges lie together in `list`.
struct Graph {
    edges: Vec<Edge>,
    offsets: Vec<u32>,
    list: Vec<u32>,
}

/// A walk over the graph: what has been used, and how far each node's list was read.
struct Walk {
    used: Vec<bool>,
    cursors: Vec<u32>,
}

/// One step of a walk.
#[derive(Clone, Copy)]
struct Step {
    edge: u32,
    from: u32,
}

impl Graph {
    fn build(
        drawing: &Drawing,
        selected: &[u32],
        origin: Point,
        tolerance: f64,
        joined: &mut Joined,
    ) -> Self {
        let mut nodes = Nodes::new(origin, tolerance, selected.len().saturating_mul(2));
        let mut edges = Vec::with_capacity(selected.len());
        for &id in selected {
            let Some(curve) = drawing.curves.get(id as usize) else {
                continue;
            };
            let Some((start, end)) = drawing.ends(curve) else {
                let whole = Member {
                    curve: id,
                    reversed: false,
                };
                joined.push([whole], true);
                continue;
            };
            let (a, b) = (nodes.node(start), nodes.node(end));
            if a != b {
                edges.push(Edge { curve: id, a, b });
            } else if drawing.length(curve) <= 2.0 * tolerance {
                joined.degenerate.push(id);
            } else {
                let whole = Member {
                    curve: id,
                    reversed: false,
                };
                joined.push([whole], true);
            }
        }
        let count = nodes.len();
        drop(nodes);
        let graph = Self::of(edges, count);
        let repeats = graph.repeats(drawing, tolerance);
        if repeats.is_empty() {
            return graph;
        }
        joined.repeats.extend(
            repeats
                .iter()
                .filter_map(|edge| Some(graph.edge(*edge)?.curve)),
        );
        let mut edges = graph.edges;
        let mut id = 0;
        edges.retain(|_| {
            id += 1;
            repeats.binary_search(&(id - 1)).is_err()
        });
        Self::of(edges, count)
    }

    fn of(edges: Vec<Edge>, nodes: usize) -> Self {
        let mut offsets = vec![0_u32; nodes + 2];
        for node in edges.iter().flat_map(|edge| [edge.a, edge.b]) {
            if let Some(count) = offsets.get_mut(node as usize + 2) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for offset in &mut offsets {
            sum += *offset;
            *offset = sum;
        }
        // Filling moves each node's offset from its beginning to its end, which is the next one's beginning.
        let mut list = vec![0_u32; edges.len() * 2];
        for (id, edge) in (0_u32..).zip(&edges) {
            for node in [edge.a, edge.b] {
                let Some(offset) = offsets.get_mut(node as usize + 1) else {
                    continue;
                };
                if let Some(place) = list.get_mut(*offset as usize) {
                    *place = id;
                }
                *offset += 1;
            }
        }
        offsets.truncate(nodes + 1);
        Self {
            edges,
            offsets,
            list,
        }
    }

    fn nodes(&self) -> u32 {
        u32::try_from(self.offsets.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    fn edge(&self, id: u32) -> Option<Edge> {
        self.edges.get(id as usize).copied()
    }

    fn edges_at(&self, node: u32) -> &[u32] {
        let bound = |node: u32| self.offsets.get(node as usize).map(|bound| *bound as usize);
        bound(node)
            .zip(bound(node.saturating_add(1)))
            .and_then(|(from, to)| self.list.get(from..to))
            .unwrap_or_default()
    }

    /// Edges that run between the same nodes as an earlier one, with the same length and box; in order.
    fn repeats(&self, drawing: &Drawing, tolerance: f64) -> Vec<u32> {
        let mut repeats = Vec::new();
        let mut here: Vec<(u32, u32)> = Vec::new();
        for node in 0..self.nodes() {
            here.clear();
            here.extend(self.edges_at(node).iter().filter_map(|id| {
                let other = self.edge(*id)?.other(node);
                (other > node).then_some((other, *id))
            }));
            here.sort_unstable();
            for group in here
                .chunk_by(|a, b| a.0 == b.0)
                .filter(|group| group.len() > 1)
            {
                self.repeats_among(group, drawing, tolerance, &mut repeats);
            }
        }
        repeats.sort_unstable();
        repeats
    }

    fn repeats_among(
        &self,
        group: &[(u32, u32)],
        drawing: &Drawing,
        tolerance: f64,
        repeats: &mut Vec<u32>,
    ) {
        let curve = |id: u32| drawing.curves.get(self.edge(id)?.curve as usize);
        let look = |curve: &Curve| Some((drawing.length(curve), drawing.extents(curve)?));
        let mut looks: Vec<_> = group
            .iter()
            .filter_map(|(_, id)| {
                curve(*id)
                    .and_then(look)
                    .map(|(length, extents)| (length, extents, *id))
            })
            .collect();
        looks.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.2.cmp(&b.2)));
        let mut kept: Option<(f64, Extents)> = None;
        for (length, extents, id) in looks {
            match kept {
                Some((other, box_))
                    if length - other <= tolerance && extents.matches(box_, tolerance) =>
                {
                    repeats.push(id)
                }
                _ => kept = Some((length, extents)),
            }
        }
    }

    fn walk(&self) -> Walk {
        Walk {
            used: vec![false; self.edges.len()],
            cursors: vec![0; self.offsets.len()],
        }
    }

    fn member(&self, step: Step) -> Option<Member> {
        let edge = self.edge(step.edge)?;
        Some(Member {
            curve: edge.curve,
            reversed: edge.a != step.from,
        })
    }

    /// Takes every simple loop off the graph as a closed contour; answers the edges that are in none.
    /// A path grows edge by edge: meeting itself it gives off the loop, at a dead end it steps back.
    fn peel_loops(&self, joined: &mut Joined) -> Vec<u32> {
        let mut walk = self.walk();
        let mut leftover = Vec::new();
        let mut path: Vec<Step> = Vec::new();
        // Where on the path each node is left, plus one; 0 when it is not on the path.
        let mut left_at = vec![0_usize; self.offsets.len()];
        for start in 0..self.nodes() {
            let mut node = start;
            mark(&mut left_at, node, 1);
            loop {
                let Some(edge) = walk.next(self, node) else {
                    mark(&mut left_at, node, 0);
                    let Some(step) = path.pop() else { break };
                    leftover.push(step.edge);
                    node = step.from;
                    continue;
                };
                path.push(Step { edge, from: node });
                node = self.edge(edge).map_or(node, |edge| edge.other(node));
                let met = left_at.get(node as usize).copied().unwrap_or_default();
                if met == 0 {
                    mark(&mut left_at, node, path.len() + 1);
                    continue;
                }
                for step in path.iter().skip(met) {
                    mark(&mut left_at, step.from, 0);
                }
                joined.push(
                    path.drain(met - 1..).filter_map(|step| self.member(step)),
                    true,
                );
            }
        }
        leftover
    }

    /// Chains the edges that are in no loop, breaking where more than two of them meet.
    fn chain_rest(&self, leftover: Vec<u32>, joined: &mut Joined) {
        let mut walk = self.walk();
        walk.used.fill(true);
        let mut degrees = vec![0_u8; self.offsets.len()];
        for id in leftover {
            let Some(edge) = self.edge(id) else { continue };
            if let Some(used) = walk.used.get_mut(id as usize) {
                *used = false;
            }
            for node in [edge.a, edge.b] {
                if let Some(degree) = degrees.get_mut(node as usize) {
                    *degree = degree.saturating_add(1);
                }
            }
        }
        let degree = |node: u32| degrees.get(node as usize).copied().unwrap_or_default();
        for start in (0..self.nodes()).filter(|node| !matches!(degree(*node), 0 | 2)) {
            while let Some(edge) = walk.next(self, start) {
                let mut steps = vec![Step { edge, from: start }];
                let mut node = self.edge(edge).map_or(start, |edge| edge.other(start));
                while degree(node) == 2
                    && let Some(edge) = walk.next(self, node)
                {
                    steps.push(Step { edge, from: node });
                    node = self.edge(edge).map_or(node, |edge| edge.other(node));
                }
                joined.push(
                    steps.into_iter().filter_map(|step| self.member(step)),
                    false,
                );
            }
        }
    }
}

impl Walk {
    /// Takes the next unused edge at `node`.
    fn next(&mut self, graph: &Graph, node: u32) -> Option<u32> {
        let cursor = self.cursors.get_mut(node as usize)?;
        loop {
            let edge = *graph.edges_at(node).get(*cursor as usize)?;
            *cursor += 1;
            let used = self.used.get_mut(edge as usize)?;
            if !*used {
                *used = true;
                return Some(edge);
            }
        }
    }
}

fn mark(left_at: &mut [usize], node: u32, value: usize) {
    if let Some(mark) = left_at.get_mut(node as usize) {
        *mark = value;
    }
}
