//! `generate_set`: canonical documents back to one transaction set.

use std::sync::Arc;

use gateway_core::map::write::{GenerateOptions, generate};
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::fault::guarded;
use crate::reader::Program;

create_exception!(
    _native,
    GenerateError,
    PyValueError,
    "Documents that cannot become a transaction set; the text names element paths, never values."
);

#[pyclass(frozen, get_all, module = "gateway._native")]
pub struct GeneratedSet {
    text: Py<PyBytes>,
    segment_count: u64,
    context: Vec<String>,
}

fn delimiter(text: &str) -> PyResult<u8> {
    match text.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err(PyValueError::new_err("a delimiter is one ASCII character")),
    }
}

#[pyfunction]
#[pyo3(signature = (
    program,
    documents,
    *,
    control_number,
    element_separator = "*",
    component_separator = ":",
    repetition_separator = "^",
    segment_terminator = "~",
    line_end = "",
))]
#[allow(clippy::too_many_arguments, reason = "keyword arguments of a Python function")]
pub fn generate_set(
    py: Python<'_>,
    program: &Program,
    documents: &[u8],
    control_number: &str,
    element_separator: &str,
    component_separator: &str,
    repetition_separator: &str,
    segment_terminator: &str,
    line_end: &str,
) -> PyResult<GeneratedSet> {
    let options = GenerateOptions {
        control_number: control_number.as_bytes().to_vec(),
        element_separator: delimiter(element_separator)?,
        component_separator: delimiter(component_separator)?,
        repetition_separator: delimiter(repetition_separator)?,
        segment_terminator: delimiter(segment_terminator)?,
        line_end: line_end.as_bytes().to_vec(),
    };
    let core = Arc::clone(&program.core);
    let Some(mapping) = &core.mapping else {
        return Err(GenerateError::new_err("this program has no mapping"));
    };
    let generated =
        guarded(py, || generate(mapping, documents, &options))?.map_err(|fault| GenerateError::new_err(fault.0))?;
    Ok(GeneratedSet {
        text: PyBytes::new(py, &generated.text).unbind(),
        segment_count: generated.segment_count,
        context: generated.unwritten,
    })
}
