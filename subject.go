package touchstone

import "strconv"

// Subject is what a timer, a job or a count is about: a person, a household, a vehicle, a
// run of a journey. The kind is a word that the feature which owns such subjects chooses.
type Subject struct {
	Kind string
	ID   int64
}

// SubjectPerson is the kind of a person's subject; its id is the PersonID.
const SubjectPerson = "person"

// PersonSubject names a person as a subject.
func PersonSubject(p PersonID) Subject { return Subject{SubjectPerson, int64(p)} }

// Person returns the person that the subject is, 0 if it is another kind's.
func (s Subject) Person() PersonID {
	if s.Kind != SubjectPerson {
		return 0
	}
	return PersonID(s.ID)
}

// String returns "kind:id".
func (s Subject) String() string { return s.Kind + ":" + strconv.FormatInt(s.ID, 10) }
