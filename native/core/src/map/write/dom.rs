//! One document at a time as a small tree of elements, within limits.
//!
//! Errors name a byte offset and element names, never values.

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use crate::map::read::NAMESPACE;
use crate::map::write::GenerateError;

/// Deeper than any mapping table nests elements, with room for the wrapper and `other`.
const MAX_DEPTH: usize = 48;
/// A claim of 999 lines with everything has some 100,000; more is no business document.
const MAX_ELEMENTS: usize = 200_000;

#[derive(Debug, Default)]
pub(super) struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub children: Vec<usize>,
    pub text: String,
}

impl Element {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The elements of one document; 0 is `<document>` itself.
#[derive(Debug, Default)]
pub(super) struct Dom {
    pub elements: Vec<Element>,
}

impl Dom {
    pub fn children<'a>(&'a self, of: usize, name: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.elements[of].children.iter().copied().filter(move |child| self.elements[*child].name == name)
    }

    pub fn child(&self, of: usize, name: &str) -> Option<usize> {
        self.children(of, name).next()
    }
}

pub(super) struct Documents<'a> {
    reader: NsReader<&'a [u8]>,
    is_inside: bool,
    is_done: bool,
}

impl<'a> Documents<'a> {
    pub fn new(xml: &'a [u8]) -> Result<Self, GenerateError> {
        let text = std::str::from_utf8(xml)
            .map_err(|error| GenerateError(format!("byte {}: the XML is not UTF-8", error.valid_up_to())))?;
        let mut reader = NsReader::from_str(text.trim_start_matches('\u{FEFF}'));
        reader.config_mut().check_end_names = true;
        Ok(Self { reader, is_inside: false, is_done: false })
    }

    fn fault(&self, message: &str) -> GenerateError {
        GenerateError(format!("byte {}: {message}", self.reader.buffer_position()))
    }

    fn event(&mut self) -> Result<Event<'a>, GenerateError> {
        let place = self.reader.buffer_position();
        let (namespace, event) = self
            .reader
            .read_resolved_event()
            .map_err(|_| GenerateError(format!("byte {place}: the XML is not well-formed")))?;
        if matches!(event, Event::Start(_) | Event::Empty(_))
            && !matches!(namespace, ResolveResult::Bound(name) if name.as_ref() == NAMESPACE)
        {
            return Err(GenerateError(format!("byte {place}: an element outside the namespace {NAMESPACE}")));
        }
        match event {
            Event::DocType(_) => Err(self.fault("a document type declaration is not allowed")),
            Event::PI(_) => Err(self.fault("a processing instruction is not allowed")),
            event => Ok(event),
        }
    }

    /// The next document, `None` after the last.
    pub fn next_document(&mut self) -> Result<Option<Dom>, GenerateError> {
        if self.is_done {
            return Ok(None);
        }
        loop {
            match self.event()? {
                Event::Start(start) => match start.local_name().as_ref() {
                    "documents" if !self.is_inside => self.is_inside = true,
                    "document" => {
                        let dom = self.document(&start)?;
                        self.is_done = !self.is_inside;
                        return Ok(Some(dom));
                    }
                    _ => return Err(self.fault("expected <document>")),
                },
                Event::Empty(start) if start.local_name().as_ref() == "documents" && !self.is_inside => {
                    self.is_done = true;
                    return Ok(None);
                }
                Event::Eof if self.is_inside => return Err(self.fault("the XML ends inside <documents>")),
                Event::End(_) | Event::Eof => {
                    self.is_done = true;
                    return Ok(None);
                }
                Event::Text(text) if text.trim().is_empty() => {}
                Event::Comment(_) | Event::Decl(_) => {}
                _ => return Err(self.fault("expected <document>")),
            }
        }
    }

    fn document(&mut self, start: &BytesStart) -> Result<Dom, GenerateError> {
        let mut dom = Dom { elements: vec![self.element(start)?] };
        let mut open = vec![0];
        while let Some(at) = open.last().copied() {
            match self.event()? {
                Event::Start(start) => {
                    let child = self.add(&mut dom, at, &start)?;
                    open.push(child);
                    if open.len() > MAX_DEPTH {
                        return Err(self.fault("elements nest too deep"));
                    }
                }
                Event::Empty(start) => {
                    self.add(&mut dom, at, &start)?;
                }
                Event::End(_) => {
                    open.pop();
                }
                Event::Text(text) => dom.elements[at].text.push_str(&text.xml10_content()),
                Event::CData(text) => dom.elements[at].text.push_str(&text.xml10_content()),
                Event::GeneralRef(reference) => self.reference(&mut dom.elements[at].text, &reference)?,
                Event::Eof => return Err(self.fault("the XML ends inside a document")),
                _ => {}
            }
        }
        Ok(dom)
    }

    fn add(&mut self, dom: &mut Dom, parent: usize, start: &BytesStart) -> Result<usize, GenerateError> {
        if dom.elements.len() >= MAX_ELEMENTS {
            return Err(self.fault("a document of too many elements"));
        }
        let index = dom.elements.len();
        let element = self.element(start)?;
        dom.elements.push(element);
        dom.elements[parent].children.push(index);
        Ok(index)
    }

    fn element(&self, start: &BytesStart) -> Result<Element, GenerateError> {
        let name = start.local_name().as_ref().to_owned();
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| self.fault(&format!("<{name}>: a broken attribute")))?;
            let key: &str = attribute.key.as_ref();
            if key == "xmlns" || key.contains(':') {
                continue;
            }
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|_| self.fault(&format!("<{name} {key}>: a reference that is not known")))?;
            attributes.push((key.to_owned(), value.into_owned()));
        }
        Ok(Element { name, attributes, ..Element::default() })
    }

    fn reference(&self, into: &mut String, reference: &BytesRef) -> Result<(), GenerateError> {
        let unknown = || self.fault("a reference that is not known");
        match reference.resolve_char_ref().map_err(|_| unknown())? {
            Some(character) => into.push(character),
            None => into.push_str(resolve_predefined_entity(reference.as_ref()).ok_or_else(unknown)?),
        }
        Ok(())
    }
}
