//! `Program`, `X12Reader` and `Batch`.

use std::sync::Arc;

use gateway_core::program::Program as CoreProgram;
use gateway_core::x12::finding::DEFAULT_FINDING_CAP;
use gateway_core::x12::reader::{
    Batch as CoreBatch, DEFAULT_XML_CAP, Need, ReaderOptions, SetChoice, X12Reader as CoreReader,
};
use gateway_core::x12::scan::CharacterSet;
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::fault::{NativeFault, guarded};
use crate::records::{Header, ItemRun, RawFinding, Unit};

create_exception!(_native, TableError, PyValueError, "Compiled definitions that this core does not read.");

#[pyclass(frozen, module = "gateway._native")]
pub struct Program {
    pub core: Arc<CoreProgram>,
}

#[pymethods]
impl Program {
    #[getter]
    fn digest<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.core.digest)
    }

    #[getter]
    fn guide(&self) -> &str {
        &self.core.guide.table.id
    }

    #[getter]
    fn transaction_set(&self) -> &str {
        &self.core.guide.table.transaction_set
    }

    #[getter]
    fn functional_group(&self) -> &str {
        &self.core.guide.table.functional_group
    }
}

#[pyfunction]
pub fn compile_program(py: Python<'_>, tables: &[u8]) -> PyResult<Program> {
    let core = guarded(py, || CoreProgram::compile(tables))?.map_err(|fault| TableError::new_err(fault.to_string()))?;
    Ok(Program { core: Arc::new(core) })
}

#[pyclass(frozen, get_all, module = "gateway._native")]
pub struct Batch {
    need: &'static str,
    header: Option<Py<Header>>,
    xml: Py<PyBytes>,
    xml_start: u64,
    items: Vec<Py<ItemRun>>,
    units: Vec<Py<Unit>>,
    findings: Vec<Py<RawFinding>>,
}

impl Batch {
    /// The XML is copied into a Python object; its buffer stays in `batch` for the reader.
    fn new(py: Python<'_>, batch: &mut CoreBatch, xml_start: u64) -> PyResult<Self> {
        Ok(Self {
            need: match batch.need {
                Need::Input => "input",
                Need::Program => "program",
                Need::Output => "output",
                Need::End => "end",
            },
            header: batch.header.as_ref().map(|header| Py::new(py, Header::from(header))).transpose()?,
            xml: PyBytes::new(py, &batch.xml).unbind(),
            items: ItemRun::all(py, &batch.items, xml_start)?,
            xml_start,
            units: std::mem::take(&mut batch.units)
                .into_iter()
                .map(|unit| Py::new(py, Unit::from(unit)))
                .collect::<PyResult<_>>()?,
            findings: std::mem::take(&mut batch.findings)
                .into_iter()
                .map(|finding| Py::new(py, RawFinding::from(finding)))
                .collect::<PyResult<_>>()?,
        })
    }
}

#[pyclass(module = "gateway._native")]
pub struct X12Reader {
    core: CoreReader,
    /// XML handed over so far.
    xml_length: u64,
    /// A panic has left the reader in an unknown state: it answers nothing more.
    failed: bool,
}

impl X12Reader {
    fn run(&mut self, py: Python<'_>, work: impl FnOnce(&mut CoreReader) -> CoreBatch + Send) -> PyResult<Batch> {
        if self.failed {
            return Err(NativeFault::new_err("the reader failed before"));
        }
        let core = &mut self.core;
        let mut batch = guarded(py, || work(core)).inspect_err(|_| self.failed = true)?;
        let answer = Batch::new(py, &mut batch, self.xml_length);
        self.xml_length += batch.xml.len() as u64;
        self.core.recycle(batch.xml);
        answer
    }
}

#[pymethods]
impl X12Reader {
    #[new]
    #[pyo3(signature = (*, today = "", finding_cap = DEFAULT_FINDING_CAP, xml_cap = DEFAULT_XML_CAP))]
    fn new(today: &str, finding_cap: usize, xml_cap: usize) -> Self {
        let options = ReaderOptions { today: today.as_bytes().to_vec(), finding_cap, xml_cap };
        Self { core: CoreReader::new(options), xml_length: 0, failed: false }
    }

    fn feed(&mut self, py: Python<'_>, chunk: &[u8]) -> PyResult<Batch> {
        self.run(py, |core| core.feed(chunk))
    }

    #[pyo3(signature = (program = None, *, source = "", document_prefix = "", characters = "extended", documents = true))]
    fn resume(
        &mut self,
        py: Python<'_>,
        program: Option<&Program>,
        source: &str,
        document_prefix: &str,
        characters: &str,
        documents: bool,
    ) -> PyResult<Batch> {
        let characters = match characters {
            "basic" => CharacterSet::Basic,
            "extended" => CharacterSet::Extended,
            "open" => CharacterSet::Open,
            _ => return Err(PyValueError::new_err("characters is basic, extended or open")),
        };
        let choice = program.map(|program| SetChoice {
            program: Arc::clone(&program.core),
            source_attributes: source.to_owned(),
            document_prefix: document_prefix.to_owned(),
            characters,
            documents,
        });
        self.run(py, |core| core.resume(choice))
    }

    fn finish(&mut self, py: Python<'_>) -> PyResult<Batch> {
        self.run(py, CoreReader::finish)
    }
}
