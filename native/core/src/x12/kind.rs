//! What can be found, each with the acknowledgement code that carries it.
//!
//! One table: kind, name for Python (which words it), carrier and code, SNIP type. Codes are those of X12
//! data elements I18 (TA105), 716 (AK905), 620 (IK304), 621 (IK403) and 618 (IK502).

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal, $carrier:literal, $code:literal, $snip:literal;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            /// The name that Python words.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// The element of the acknowledgement that carries it, for example `IK403`; empty = none.
            pub const fn carrier(self) -> &'static str {
                match self { $(Self::$kind => $carrier,)* }
            }

            pub const fn code(self) -> &'static str {
                match self { $(Self::$kind => $code,)* }
            }

            /// WEDI SNIP type.
            pub const fn snip(self) -> u8 {
                match self { $(Self::$kind => $snip,)* }
            }
        }
    };
}

kinds! {
    // The stream and the interchange.
    NotAnInterchange = "not-an-interchange", "", "", 1;
    LeadingBytes = "leading-bytes", "", "", 1;
    InterchangeTruncated = "interchange-truncated", "TA105", "023", 1;
    InterchangeHeaderWidth = "interchange-header-width", "TA105", "022", 1;
    InterchangeHeaderUnreadable = "interchange-header-unreadable", "", "", 1;
    ElementSeparatorInvalid = "element-separator-invalid", "TA105", "026", 1;
    ComponentSeparatorInvalid = "component-separator-invalid", "TA105", "027", 1;
    RepetitionSeparatorInvalid = "repetition-separator-invalid", "TA105", "022", 1;
    RepetitionSeparatorAbsent = "repetition-separator-absent", "", "", 1;
    SegmentTerminatorInvalid = "segment-terminator-invalid", "TA105", "004", 1;
    AuthorizationQualifierInvalid = "authorization-qualifier-invalid", "TA105", "010", 1;
    SecurityQualifierInvalid = "security-qualifier-invalid", "TA105", "012", 1;
    SenderQualifierInvalid = "sender-qualifier-invalid", "TA105", "005", 1;
    SenderMissing = "sender-missing", "TA105", "006", 1;
    ReceiverQualifierInvalid = "receiver-qualifier-invalid", "TA105", "007", 1;
    ReceiverMissing = "receiver-missing", "TA105", "008", 1;
    InterchangeDateInvalid = "interchange-date-invalid", "TA105", "014", 1;
    InterchangeTimeInvalid = "interchange-time-invalid", "TA105", "015", 1;
    InterchangeStandardInvalid = "interchange-standard-invalid", "TA105", "016", 1;
    InterchangeVersionInvalid = "interchange-version-invalid", "TA105", "017", 1;
    InterchangeControlInvalid = "interchange-control-invalid", "TA105", "018", 1;
    AcknowledgmentRequestInvalid = "acknowledgment-request-invalid", "TA105", "019", 1;
    UsageIndicatorInvalid = "usage-indicator-invalid", "TA105", "020", 1;
    InterchangeControlMismatch = "interchange-control-mismatch", "TA105", "001", 1;
    GroupCountWrong = "group-count-wrong", "TA105", "021", 1;
    SegmentOutsideGroup = "segment-outside-group", "TA105", "022", 1;
    SegmentOutsideSet = "segment-outside-set", "TA105", "024", 1;
    EmptySegment = "empty-segment", "", "", 1;
    // The functional group.
    GroupTrailerMissing = "group-trailer-missing", "AK905", "3", 1;
    GroupControlMismatch = "group-control-mismatch", "AK905", "4", 1;
    SetCountWrong = "set-count-wrong", "AK905", "5", 1;
    GroupControlInvalid = "group-control-invalid", "AK905", "6", 1;
    GroupControlDuplicate = "group-control-duplicate", "AK905", "19", 1;
    GroupHeaderInvalid = "group-header-invalid", "TA105", "024", 1;
    // The transaction set.
    SetTrailerMissing = "set-trailer-missing", "IK502", "2", 1;
    SetControlMismatch = "set-control-mismatch", "IK502", "3", 1;
    SegmentCountWrong = "segment-count-wrong", "IK502", "4", 1;
    SetIdentifierInvalid = "set-identifier-invalid", "IK502", "6", 1;
    SetControlInvalid = "set-control-invalid", "IK502", "7", 1;
    SetNotInGroup = "set-not-in-group", "IK502", "18", 1;
    SetControlDuplicate = "set-control-duplicate", "IK502", "23", 1;
    ImplementationMismatch = "implementation-mismatch", "IK502", "I6", 1;
    // Segments.
    SegmentUnrecognised = "segment-unrecognised", "IK304", "1", 1;
    SegmentUnexpected = "segment-unexpected", "IK304", "2", 2;
    RequiredSegmentMissing = "required-segment-missing", "IK304", "3", 2;
    RequiredLoopMissing = "required-loop-missing", "IK304", "3", 2;
    LoopOverMaximum = "loop-over-maximum", "IK304", "4", 2;
    SegmentOverMaximum = "segment-over-maximum", "IK304", "5", 2;
    SegmentNotInSet = "segment-not-in-set", "IK304", "6", 1;
    SegmentOutOfSequence = "segment-out-of-sequence", "IK304", "7", 1;
    SegmentNotUsed = "segment-not-used", "IK304", "I4", 2;
    SegmentTooLong = "segment-too-long", "IK304", "8", 1;
    ItemTooLarge = "item-too-large", "IK304", "8", 1;
    BinaryLengthWrong = "binary-length-wrong", "IK403", "7", 1;
    TrailingSeparators = "trailing-separators", "", "", 1;
    // Elements.
    RequiredElementMissing = "required-element-missing", "IK403", "1", 2;
    ConditionalElementMissing = "conditional-element-missing", "IK403", "2", 1;
    TooManyElements = "too-many-elements", "IK403", "3", 1;
    TooShort = "too-short", "IK403", "4", 1;
    TooLong = "too-long", "IK403", "5", 1;
    InvalidCharacter = "invalid-character", "IK403", "6", 1;
    InvalidCode = "invalid-code", "IK403", "7", 2;
    InvalidDate = "invalid-date", "IK403", "8", 1;
    InvalidTime = "invalid-time", "IK403", "9", 1;
    ExclusionViolated = "exclusion-violated", "IK403", "10", 1;
    TooManyRepetitions = "too-many-repetitions", "IK403", "12", 1;
    TooManyComponents = "too-many-components", "IK403", "13", 1;
    ElementNotUsed = "element-not-used", "IK403", "I10", 2;
    PatternMismatch = "pattern-mismatch", "IK403", "I12", 2;
    TrailingBlanks = "trailing-blanks", "", "", 1;
    // Hierarchical levels.
    HierarchicalNumberWrong = "hierarchical-number-wrong", "IK403", "7", 1;
    HierarchicalParentWrong = "hierarchical-parent-wrong", "IK403", "7", 1;
    HierarchicalChildWrong = "hierarchical-child-wrong", "IK403", "7", 1;
    // A rule brings its own carrier, code and SNIP type.
    Rule = "rule", "", "", 4;
}
