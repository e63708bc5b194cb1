//! A queue with a bound on items and on bytes. No I/O.

use std::collections::VecDeque;

/// What a queue holds at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) items: usize,
    pub(super) bytes: usize,
}

/// Items in order, each with the memory it holds.
#[derive(Debug)]
pub(super) struct Queue<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    bounds: Bounds,
}

impl<T> Queue<T> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            items: VecDeque::new(),
            bytes: 0,
            bounds,
        }
    }

    /// Whether there was room for the item; else it is gone.
    #[must_use]
    pub(super) fn push(&mut self, item: T, bytes: usize) -> bool {
        let full = self.items.len() >= self.bounds.items;
        // One item alone always fits, so that no bound can stop everything.
        let heavy = !self.items.is_empty() && self.bytes + bytes > self.bounds.bytes;
        if full || heavy {
            return false;
        }
        self.bytes += bytes;
        self.items.push_back((item, bytes));
        true
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        let (item, bytes) = self.items.pop_front()?;
        self.bytes -= bytes;
        Some(item)
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_and_bytes_are_bounded() {
        let mut queue = Queue::new(Bounds {
            items: 3,
            bytes: 100,
        });
        assert!(queue.push('a', 500), "one alone fits");
        assert!(!queue.push('b', 1));
        assert_eq!(queue.pop(), Some('a'));
        assert!(queue.push('c', 60));
        assert!(!queue.push('d', 60));
        assert!(queue.push('e', 1) && queue.push('f', 1));
        assert!(!queue.push('g', 0));
        let rest: Vec<char> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(rest, ['c', 'e', 'f']);
        assert_eq!((queue.len(), queue.bytes), (0, 0));
    }
}
