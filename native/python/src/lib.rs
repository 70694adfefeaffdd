//! The Python module `gateway._native`: turns `gateway_core` values into Python objects and nothing else.

use pyo3::prelude::*;

#[pymodule]
mod _native {
    use super::{PyModule, PyResult};
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
