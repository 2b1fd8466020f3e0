//! The allocator of a component: a fixed arena first, the standard one when it is full.
//! An instance lives for a few messages, so the cost that counts is that of growing its memory; the arena never grows.
//! Sound only because a component has one thread, which is why it exists in the sandbox alone.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};

#[cfg(target_feature = "atomics")]
compile_error!("the arena is for components of one thread");

/// Bytes of the arena: enough for the messages of most activations.
const ARENA_BYTES: usize = 128 << 10;

/// Hands out memory in one direction; begins anew whenever nothing of it is in use.
#[repr(align(16))]
pub struct Arena {
    bytes: UnsafeCell<[u8; ARENA_BYTES]>,
    /// Where the next block may begin.
    top: Cell<usize>,
    /// Blocks in use.
    live: Cell<usize>,
}

#[expect(unsafe_code, reason = "a component has one thread")]
unsafe impl Sync for Arena {}

impl Arena {
    /// An empty arena.
    #[expect(clippy::new_without_default, reason = "made once, in a static")]
    pub const fn new() -> Self {
        Self { bytes: UnsafeCell::new([0; ARENA_BYTES]), top: Cell::new(0), live: Cell::new(0) }
    }

    /// Where in the arena a block lies; none: it is the standard allocator's.
    fn offset(&self, block: *mut u8) -> Option<usize> {
        (block as usize).checked_sub(self.bytes.get() as usize).filter(|offset| *offset < ARENA_BYTES)
    }
}

#[expect(unsafe_code, reason = "blocks never overlap: each begins at or after `top`, and `top` moves past it")]
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.bytes.get() as usize;
        // Neither sum overflows: a layout's size is at most isize::MAX, and so is the address of the arena's end.
        let begin = (base + self.top.get()).next_multiple_of(layout.align()) - base;
        let end = begin.saturating_add(layout.size());
        if end > ARENA_BYTES {
            // SAFETY: the caller keeps the contract of `alloc`, which is the same for both.
            return unsafe { System.alloc(layout) };
        }
        self.top.set(end);
        self.live.set(self.live.get() + 1);
        self.bytes.get().cast::<u8>().wrapping_add(begin)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(begin) = self.offset(block) else {
            // SAFETY: a block from outside the arena is the standard allocator's.
            return unsafe { System.dealloc(block, layout) };
        };
        self.live.set(self.live.get() - 1);
        if self.live.get() == 0 {
            self.top.set(0);
        } else if begin + layout.size() == self.top.get() {
            self.top.set(begin);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        match self.offset(block) {
            // SAFETY: a block from outside the arena is the standard allocator's.
            None => unsafe { System.realloc(block, layout, new_size) },
            // The newest block grows and shrinks where it is.
            Some(begin) if begin + layout.size() == self.top.get() && begin.saturating_add(new_size) <= ARENA_BYTES => {
                self.top.set(begin + new_size);
                block
            }
            Some(_) => {
                // SAFETY: the caller promises that the new size makes a valid layout; the copy is within both blocks,
                // which cannot overlap because the old one is still in use.
                unsafe {
                    let moved = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
                    if !moved.is_null() {
                        std::ptr::copy_nonoverlapping(block, moved, layout.size().min(new_size));
                        self.dealloc(block, layout);
                    }
                    moved
                }
            }
        }
    }
}

#[cfg(test)]
#[expect(unsafe_code, reason = "allocators are called by hand")]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    fn allocate(arena: &Arena, layout: Layout) -> *mut u8 {
        // SAFETY: no test asks for an empty block.
        let block = unsafe { arena.alloc(layout) };
        assert!(!block.is_null() && (block as usize).is_multiple_of(layout.align()));
        // SAFETY: the block is that long.
        unsafe { block.write_bytes(0xA5, layout.size()) };
        block
    }

    fn free(arena: &Arena, block: *mut u8, layout: Layout) {
        // SAFETY: the tests free what they allocated, once.
        unsafe { arena.dealloc(block, layout) };
    }

    #[test]
    fn blocks_are_aligned_and_apart() {
        let arena = Arena::new();
        let blocks: Vec<_> = [(1, 1), (7, 8), (3, 2), (100, 64), (1, 4096)]
            .map(|(size, align)| (allocate(&arena, layout(size, align)) as usize, size))
            .into();
        assert!(blocks.is_sorted_by(|(before, size), (after, _)| before + size <= *after));
    }

    #[test]
    fn an_unused_arena_begins_anew() {
        let arena = Arena::new();
        let (small, large) = (layout(10, 1), layout(1000, 8));
        let first = allocate(&arena, small);
        let second = allocate(&arena, large);
        free(&arena, first, small);
        assert_ne!(allocate(&arena, small), first, "in use");
        let third = arena.bytes.get().cast::<u8>().wrapping_add(arena.top.get() - 10);
        free(&arena, second, large);
        free(&arena, third, small);
        assert_eq!(allocate(&arena, large) as usize, (first as usize).next_multiple_of(8));
    }

    #[test]
    fn the_newest_block_grows_in_place_and_others_move_with_their_bytes() {
        let arena = Arena::new();
        let (old, newest) = (allocate(&arena, layout(16, 8)), allocate(&arena, layout(16, 8)));
        // SAFETY: both blocks are of this layout, and 64 is a valid size.
        let (moved, grown) = unsafe {
            let grown = arena.realloc(newest, layout(16, 8), 64);
            (arena.realloc(old, layout(16, 8), 64), grown)
        };
        assert_eq!(grown, newest);
        assert_ne!(moved, old);
        // SAFETY: the first 16 bytes were written before the block moved.
        assert_eq!(unsafe { std::slice::from_raw_parts(moved, 16) }, [0xA5; 16]);
    }

    #[test]
    fn what_does_not_fit_comes_from_the_standard_allocator() {
        let arena = Arena::new();
        let (most, some) = (layout(ARENA_BYTES - 8, 1), layout(64, 8));
        let inside = allocate(&arena, most);
        let outside = allocate(&arena, some);
        assert!(arena.offset(inside).is_some() && arena.offset(outside).is_none());
        // SAFETY: the block is of this layout, and 128 is a valid size.
        let outside = unsafe { arena.realloc(outside, some, 128) };
        free(&arena, outside, layout(128, 8));
        free(&arena, inside, most);
        assert_eq!((arena.top.get(), arena.live.get()), (0, 0));
    }
}
