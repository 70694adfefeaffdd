//! The Python module `gateway._native`: turns `gateway_core` values into Python objects and nothing else.
//!
//! A panic in the core becomes `NativeFault`, whose text names a place in the source and never data.

mod fault;
mod generate;
mod reader;
mod records;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::fault::NativeFault;
    #[pymodule_export]
    use crate::generate::{GenerateError, GeneratedSet, generate_set};
    #[pymodule_export]
    use crate::reader::{Batch, Program, TableError, X12Reader, compile_program};
    #[pymodule_export]
    use crate::records::{Header, ItemRun, RawFinding, Unit};

    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::fault::install_hook();
        module.add("__version__", gateway_core::VERSION)
    }
}
