/** Short names for the schemas of ../openapi.yaml. `npm run api` regenerates schema.d.ts. */
import type { components, operations } from "./schema";

type S = components["schemas"];

export type Session = S["Session"];
export type Permission = S["Permission"];
export type Role = S["Role"];
/** A named set of permissions; a key may also have single ones. */
export type Scope = "read" | "contacts" | "write" | "ingest" | "metrics" | "admin";
export type ApiKey = S["ApiKey"];
export type RunningProcess = S["RunningProcess"];
export type User = S["User"];
/** Whom a member or a key may see; null is everybody. */
export type Rows = S["Rows"];
export type Settings = S["Settings"];
export type Command = S["Command"];
export type AuditEntry = S["AuditEntry"];

export type Household = S["Household"];
export type HouseholdSummary = S["HouseholdSummary"];
export type HouseholdRules = S["HouseholdRules"];
export type HouseholdLearnt = S["HouseholdLearnt"];

export type Source = S["Source"];
export type SourceName = S["SourceName"];
export type QualityScore = S["QualityScore"];
export type Use = S["Use"];
export type Uses = S["Uses"];
export type AlarmImpact = S["AlarmImpact"];
/** What it is asked about: of a property the event may be left out. */
export type UsesAsked = operations["listUses"]["parameters"]["query"];
export type QualityAlarm = S["QualityAlarm"];
export type ConsentPolicy = S["ConsentPolicy"];
export type ConsentPurpose = S["ConsentPurpose"];
export type ConsentVersion = S["ConsentVersion"];
export type ConsentVerdict = S["ConsentVerdict"];
export type ConsentReason = ConsentVerdict["reason"];
export type PersonConsents = S["PersonConsents"];
export type ConsentProof = S["ConsentProof"];
export type Mail = S["Mail"];
export type MailQueue = S["MailQueue"];
export type MailTest = S["MailTest"];
export type Webhook = S["Webhook"];
export type WebhookEvent = S["WebhookEvent"];
export type NewWebhookBody = S["NewWebhook"];
export type WebhookTest = S["WebhookTest"];
export type WebhookDelivery = S["WebhookDelivery"];
export type SourceKind = S["SourceKind"];
export type QuarantinedEvent = S["QuarantinedEvent"];
export type QuarantineSummary = S["QuarantineSummary"];
export type CatalogueEvent = S["CatalogueEvent"];
export type CatalogueProperty = S["CatalogueProperty"];
export type CatalogueTrait = S["CatalogueTrait"];
export type CatalogueEntry = S["CatalogueEntry"];
export type CatalogueEntryChange = S["CatalogueEntryChange"];
export type PersonalDataClass = S["PersonalDataClass"];
export type Import = S["Import"];
export type ImportRun = S["ImportRun"];
export type Upload = S["Upload"];
export type FileGuess = S["FileGuess"];
export type FilePreview = S["FilePreview"];
export type DryRun = S["DryRun"];
export type ForeseenPersons = S["ImportPreview"];
export type SavedMapping = S["SavedMapping"];

export type Reactor = S["Reactor"];
export type ReactorDeadLetter = S["ReactorDeadLetter"];

export type Stats = S["Stats"];
export type LiveEvent = S["LiveEvent"];
export type LiveChange = S["LiveChange"];

export type Identifier = S["Identifier"];
export type PersonSummary = S["PersonSummary"];
export type Person = S["Person"];
export type PersonEvent = S["PersonEvent"];
export type IdentityGraph = S["IdentityGraph"];
export type IdentityNode = S["IdentityNode"];
export type IdentityEdge = S["IdentityEdge"];

export type IdentityRules = S["IdentityRules"];
export type IdentityKind = S["IdentityKind"];
export type BlockedValue = S["BlockedValue"];
export type IdentifierVerdict = S["IdentifierVerdict"];
export type IdentitySuggestion = S["IdentitySuggestion"];
export type SharedIdentifier = S["SharedIdentifier"];

export type Segment = S["Segment"];
export type SegmentVersion = S["SegmentVersion"];
export type SegmentMember = S["SegmentMember"];
export type SegmentChange = S["SegmentChange"];
export type SegmentHistoryDay = S["SegmentHistoryDay"];
export type SegmentPreview = S["SegmentPreview"];
export type Rule = S["Rule"];
export type Condition = S["Condition"];
export type ConditionOp = S["ConditionOp"];
export type TraitOp = S["TraitOp"];

export type Query = S["Query"];
export type TrendQuery = S["TrendQuery"];
export type FunnelQuery = S["FunnelQuery"];
export type RetentionQuery = S["RetentionQuery"];
export type MatchedQuery = S["MatchedQuery"];
export type ExposedQuery = S["ExposedQuery"];
export type QueryResult = S["QueryResult"];
export type Select = S["Select"];
export type TrendSelect = S["TrendSelect"];
export type FunnelSelect = S["FunnelSelect"];
export type RetentionSelect = S["RetentionSelect"];
export type Measure = S["Measure"];
export type Interval = S["Interval"];

export type AudienceCount = S["AudienceCount"];
export type AudienceOverlap = S["AudienceOverlap"];
export type AudiencePortrait = S["AudiencePortrait"];
export type AudienceFigures = S["AudienceFigures"];
export type AudienceAssumption = S["AudienceAssumptions"][number];
export type SegmentFlow = S["SegmentFlow"];
export type SegmentTrend = S["SegmentTrend"];
export type SegmentOrigin = S["SegmentOrigin"];
