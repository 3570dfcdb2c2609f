//! Which places of the code an input reached, where the build counts them (`-C instrument-coverage`, rustc book, "Instrumentation-based Code Coverage").

/// The places that were reached by now.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    seen: Vec<bool>,
}

impl Coverage {
    /// Runs `f`; true if it reached a place that was not reached before.
    pub(crate) fn of(&mut self, f: impl FnOnce()) -> bool {
        clear();
        f();
        self.look()
    }

    /// How many places were reached; 0 where nothing is counted.
    pub(crate) fn reached(&self) -> usize {
        self.seen.iter().filter(|seen| **seen).count()
    }

    fn look(&mut self) -> bool {
        let counters = counters();
        self.seen.resize(counters.len(), false);
        let mut new = false;
        for (seen, count) in self.seen.iter_mut().zip(counters) {
            if *count != 0 && !*seen {
                (*seen, new) = (true, true);
            }
        }
        new
    }
}

#[cfg(counters)]
unsafe extern "C" {
    fn __llvm_profile_begin_counters() -> *mut u64;
    fn __llvm_profile_end_counters() -> *mut u64;
}

#[cfg(counters)]
fn counters() -> &'static mut [u64] {
    // SAFETY: LLVM's profiling runtime, which is linked into every build with this flag, gives the bounds of the array of counters. The threads of a target
    // may count meanwhile; a count that is lost or late only makes an input look less or more interesting.
    unsafe {
        let begin = __llvm_profile_begin_counters();
        let end = __llvm_profile_end_counters();
        core::slice::from_raw_parts_mut(begin, end.offset_from(begin).cast_unsigned())
    }
}

#[cfg(counters)]
fn clear() {
    counters().fill(0);
}

#[cfg(not(counters))]
fn counters() -> &'static [u64] {
    &[]
}

#[cfg(not(counters))]
fn clear() {}
