//! A panic of the core, caught: the place is kept, the message is not, for it may quote data.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

create_exception!(
    _native,
    NativeFault,
    PyException,
    "The native core met a state it does not know; the text names a place in its source."
);

thread_local! {
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Replaces the default hook, which prints the panic's message.
pub fn install_hook() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
        PLACE.with(|kept| kept.replace(place));
    }));
}

/// Runs `work` without the GIL; a panic becomes `NativeFault`.
pub fn guarded<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    py.detach(|| panic::catch_unwind(AssertUnwindSafe(work)).map_err(|_| PLACE.with(|kept| kept.borrow().clone())))
        .map_err(|place| NativeFault::new_err(format!("the native core failed at {place}")))
}
