package touchstone

import "strings"

// Definition is something that people have set up, or the program has learnt, and that goes by what events and persons
// carry: a segment, a webhook, a rule that mends. Each feature tells its own; package lineage follows them, so that whoever
// looks at a field sees what hangs on it.
type Definition struct {
	Kind  DefinitionKind
	ID    string // names it within its kind
	Name  string // for people; may be empty where there is but one
	Owner string // who looks after it; empty: nobody is named
	Need  string // the permission that shows it
	Reads []Reads
	Makes []Field         // what it writes, and so hands on what is wrong with what it reads
	Goes  []DefinitionRef // other definitions that it goes by
	// Out says where it takes data out of the program; nil: nowhere.
	Out *Recipient
}

// DefinitionKind is what sort of thing a definition is.
type DefinitionKind string

// The kinds.
const (
	DefSegment     DefinitionKind = "segment"
	DefRows        DefinitionKind = "rows" // whom members of the organisation and keys are limited to
	DefWebhook     DefinitionKind = "webhook"
	DefSchedule    DefinitionKind = "schedule"
	DefMail        DefinitionKind = "mail"
	DefMend        DefinitionKind = "mend"
	DefAdmission   DefinitionKind = "admission"
	DefPlan        DefinitionKind = "plan"
	DefHousehold   DefinitionKind = "household"
	DefModel       DefinitionKind = "model" // of record linkage
	DefConsent     DefinitionKind = "consent"
	DefRetention   DefinitionKind = "retention"
	DefHold        DefinitionKind = "hold"
	DefTag         DefinitionKind = "tag"
	DefExpectation DefinitionKind = "expectation" // what is usual of an event of a source
	DefStage       DefinitionKind = "stage"       // a life cycle
	DefActivation  DefinitionKind = "activation"
)

// DefinitionRef names a definition. The ID "*" names all of the kind.
type DefinitionRef struct {
	Kind DefinitionKind `json:"kind"`
	ID   string         `json:"id"`
}

// Ref names the definition.
func (d *Definition) Ref() DefinitionRef { return DefinitionRef{d.Kind, d.ID} }

// Reads is a field that a definition goes by, and what for.
type Reads struct {
	Field
	How How
}

// How says what a definition does with what it goes by.
type How string

// What definitions do.
const (
	Counts   How = "counts"   // events, in a condition
	Compares How = "compares" // a value, in a condition
	Sends    How = "sends"    // a value, to others
	Changes  How = "changes"  // it mends, masks or drops it
	Checks   How = "checks"   // it holds it against a plan, or against what is usual
	Derives  How = "derives"  // it makes something else from it
	Matches  How = "matches"  // it tells by it who is one
	Removes  How = "removes"  // when its time has come
	Decides  How = "decides"  // it is a person's decision
)

// FieldSort is what carries a field.
type FieldSort string

// The sorts.
const (
	EventField      FieldSort = "event" // the event itself; Name is its name
	PropertyField   FieldSort = "property"
	TraitField      FieldSort = "trait"
	ContextField    FieldSort = "context"    // Name is a path: "page.path"
	IdentifierField FieldSort = "identifier" // Name is a kind
)

// Field names what events and persons carry. Event is that of a property or of a path of the context; empty: of any.
// Name may be a path into it: "items[].price".
type Field struct {
	Sort  FieldSort `json:"sort"`
	Event string    `json:"event"`
	Name  string    `json:"name"`
}

// AnyName stands for all names of a sort: all events, all identifiers.
const AnyName = "*"

// ColumnField reads a column of a table of persons: "trait.city", "id.phone".
func ColumnField(column string) (sort FieldSort, name string, ok bool) {
	if name, ok = strings.CutPrefix(column, "trait."); ok {
		return TraitField, name, true
	}
	name, ok = strings.CutPrefix(column, "id.")
	return IdentifierField, name, ok
}

// IdentifyEvent is the event whose properties are traits.
const IdentifyEvent = "$identify"

// Of reports whether what d names is f, lies within f, or f within it. An event holds its properties.
func (d Field) Of(f Field) bool {
	if f.Sort == EventField {
		return d.Sort == EventField && (d.Name == f.Name || d.Name == AnyName) || d.Sort != EventField && d.Event == f.Name
	}
	if d.Sort == f.Sort && d.Name == AnyName {
		return true
	}
	if d.Sort != f.Sort || d.Event != "" && f.Event != "" && d.Event != f.Event {
		return false
	}
	return within(d.Name, f.Name) || within(f.Name, d.Name)
}

func within(inner, outer string) bool {
	rest, ok := strings.CutPrefix(inner, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// Recipient is who gets data from a definition, as far as the program knows.
type Recipient struct {
	Name     string `json:"name"`     // a host, an address's domain, or what it writes
	Contacts string `json:"contacts"` // none, masked, full: how contacts of people go out
}
