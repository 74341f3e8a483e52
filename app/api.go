package app

import (
	"net/http"
	"slices"

	"github.com/touchstone-cdp/touchstone/admission"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/audience"
	"github.com/touchstone-cdp/touchstone/catalogue"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/collect/imports"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/console"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/inbox"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/linkage"
	"github.com/touchstone-cdp/touchstone/mail"
	"github.com/touchstone-cdp/touchstone/people"
	"github.com/touchstone-cdp/touchstone/privacy"
	"github.com/touchstone-cdp/touchstone/profile"
	"github.com/touchstone-cdp/touchstone/quality"
	"github.com/touchstone-cdp/touchstone/segment"
	"github.com/touchstone-cdp/touchstone/webhook"
)

// resources are the parts of the API that features bring, in the order of the document.
// The document is also made without a server, of an App that nothing has been wired in:
// a function that makes a Resource keeps its feature and asks it nothing.
func (a *App) resources() []api.Resource {
	return slices.Concat(
		[]api.Resource{
			command.Resource(func() *command.Log { return a.commands }),
			backupResource{a}.resource(),
		},
		collect.Resources(a.incoming, a.people(), a.feeds),
		imports.Resources(func() *imports.Imports { return a.imports }),
		analytics.Resources(a.questions()),
		[]api.Resource{
			people.Resource(a.persons, a.people(), a.feeds),
			identity.Resource(func() *identity.Rules { return a.rules }, func() *identity.Graph { return a.graph }, a.ask, a.preview),
			segment.Resource(func() *segment.Segments { return a.segments }, a.people()),
			a.tagResource(),
			audience.Resource(func() *audience.Audience { return a.audiences }, a.people()),
			a.stageResource(),
			a.templateResource(),
			a.activationResource(),
			inbox.Resource(func() *inbox.Inbox { return a.inbox }),
			job.Resource(func() *job.Jobs { return a.jobs }, func() *job.Schedules { return a.schedules }),
			webhook.Resource(a.webhooks),
			mail.Resource(func() *mail.Mail { return a.mail }),
			linkage.Resource(func() *linkage.Linkage { return a.linkage }, a.people()),
			a.admissionResource(),
			admission.PlansResource(a.plans),
			admission.MendsResource(a.admissionParts),
			catalogue.Resource(func() *catalogue.Catalogue { return a.catalogue }),
			quality.Resource(func() *quality.Quality { return a.quality }),
			a.lineageResource(),
			a.processResource(),
			a.exportResource(),
			a.householdResource(),
			a.holdResource(),
			a.retentionResource(),
			a.consentResource(),
			privacy.Resource(a.privacyParts),
			a.registerResource(),
		},
		a.extra.resources,
	)
}

// ask has the pipeline carry out a command; a process without persons runs none.
func (a *App) ask(r *http.Request, kind string, body, result any) (string, error) {
	return a.commands.Ask(r, kind, body, result)
}

// incoming is what this process knows of what comes in. What is seen live is seen where it happens.
func (a *App) incoming() collect.Parts {
	p := collect.Parts{Sources: a.collector.Sources(), Quarantine: a.collector.Quarantine(), Persons: a.personsOf}
	if a.has("collect") {
		p.Events = a.collector.Feed()
	}
	return p
}

// persons is who knows persons in this process.
func (a *App) persons() people.Parts {
	p := people.Parts{Graph: a.graph, Kinds: a.kinds, Fields: a.fields, Profiles: a.profiles, Segments: a.segments, Commands: a.commands, Preview: a.preview}
	if a.queries != nil {
		p.Timeline = a.queries
	}
	if a.has("process") {
		p.Changes = a.feed.hub
	}
	return p
}

func (a *App) questions() analytics.ResourceConfig {
	return analytics.ResourceConfig{
		Engine: func() *analytics.Engine { return a.queries }, Segments: func() *segment.Segments { return a.segments },
		Profiles: func() *profile.Profiles { return a.profiles }, People: a.people(), Clock: a.clock, Households: a.householdsBehind,
		Different: a.different,
	}
}

// OpenAPI returns the API's whole document, as JSON.
func OpenAPI() ([]byte, error) { return console.OpenAPI(new(App).resources()) }
