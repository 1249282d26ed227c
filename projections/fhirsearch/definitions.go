package fhirsearch

// definitions is the table of search parameters. They are those that R4 defines for each type
// (https://hl7.org/fhir/R4/searchparameter-registry.html), but for the additions below. A line is
//
//	name kind place...
//
// A place is a path of element names, or several with a bar between them where the
// element has several forms. After @ stands the code system of a code that is sent without
// one; after > the only type that a reference is searched for.
//
// "patient" and "subject" of what belongs to a dossier have a place of their own, the
// dossier, which the desk knows without reading the resource.
const definitions = `
Patient
  active token active
  birthdate date birthDate
  family string name.family
  gender token gender@http://hl7.org/fhir/administrative-gender
  general-practitioner reference generalPractitioner
  given string name.given
  name string name.family name.given name.prefix|name.suffix|name.text
  organization reference managingOrganization
Practitioner
  active token active
  family string name.family
  gender token gender@http://hl7.org/fhir/administrative-gender
  given string name.given
  name string name.family name.given name.prefix|name.suffix|name.text
PractitionerRole
  active token active
  date date period
  location reference location
  organization reference organization
  practitioner reference practitioner
  role token code
  specialty token specialty
Organization
  active token active
  name string name alias
  partof reference partOf
  type token type
Location
  name string name alias
  organization reference managingOrganization
  status token status@http://hl7.org/fhir/location-status
  type token type
HealthcareService
  active token active
  name string name
  organization reference providedBy
RelatedPerson
  active token active
  birthdate date birthDate
  gender token gender@http://hl7.org/fhir/administrative-gender
  name string name.family name.given name.prefix|name.suffix|name.text
  patient reference patient>Patient
  relationship token relationship
Person
  birthdate date birthDate
  gender token gender@http://hl7.org/fhir/administrative-gender
  name string name.family name.given name.prefix|name.suffix|name.text
  patient reference link.target>Patient
Encounter
  appointment reference appointment
  class token class
  date date period
  episode-of-care reference episodeOfCare
  participant reference participant.individual
  patient reference subject>Patient
  practitioner reference participant.individual>Practitioner
  reason-code token reasonCode
  service-provider reference serviceProvider
  status token status@http://hl7.org/fhir/encounter-status
  subject reference subject
  type token type
EpisodeOfCare
  care-manager reference careManager>Practitioner
  condition reference diagnosis.condition
  date date period
  organization reference managingOrganization
  patient reference patient>Patient
  status token status@http://hl7.org/fhir/episode-of-care-status
  type token type
Condition
  abatement-date date abatementDateTime|abatementPeriod
  asserter reference asserter
  category token category
  clinical-status token clinicalStatus
  code token code
  encounter reference encounter
  onset-date date onsetDateTime|onsetPeriod
  patient reference subject>Patient
  recorded-date date recordedDate
  severity token severity
  subject reference subject
  verification-status token verificationStatus
AllergyIntolerance
  asserter reference asserter
  category token category@http://hl7.org/fhir/allergy-intolerance-category
  clinical-status token clinicalStatus
  code token code reaction.substance
  criticality token criticality@http://hl7.org/fhir/allergy-intolerance-criticality
  date date recordedDate
  last-date date lastOccurrence
  manifestation token reaction.manifestation
  onset date reaction.onset
  patient reference patient>Patient
  recorder reference recorder
  type token type@http://hl7.org/fhir/allergy-intolerance-type
  verification-status token verificationStatus
Medication
  code token code
  status token status@http://hl7.org/fhir/CodeSystem/medication-status
MedicationStatement
  category token category
  code token medicationCodeableConcept
  context reference context
  effective date effectiveDateTime|effectivePeriod
  encounter reference context>Encounter
  medication reference medicationReference
  part-of reference partOf
  patient reference subject>Patient
  source reference informationSource
  status token status@http://hl7.org/fhir/CodeSystem/medication-statement-status
  subject reference subject
MedicationRequest
  authoredon date authoredOn
  category token category
  code token medicationCodeableConcept
  date date dosageInstruction.timing.event
  encounter reference encounter
  intent token intent@http://hl7.org/fhir/CodeSystem/medicationrequest-intent
  medication reference medicationReference
  patient reference subject>Patient
  priority token priority@http://hl7.org/fhir/request-priority
  requester reference requester
  status token status@http://hl7.org/fhir/CodeSystem/medicationrequest-status
  subject reference subject
MedicationDispense
  category token category
  code token medicationCodeableConcept
  context reference context
  encounter reference context>Encounter
  medication reference medicationReference
  patient reference subject>Patient
  performer reference performer.actor
  prescription reference authorizingPrescription
  status token status@http://terminology.hl7.org/CodeSystem/medicationdispense-status
  subject reference subject
  type token type
  whenhandedover date whenHandedOver
  whenprepared date whenPrepared
Immunization
  date date occurrenceDateTime
  encounter reference encounter
  location reference location
  manufacturer reference manufacturer
  patient reference patient>Patient
  performer reference performer.actor
  reason-code token reasonCode
  status token status@http://hl7.org/fhir/event-status
  target-disease token protocolApplied.targetDisease
  vaccine-code token vaccineCode
Observation
  based-on reference basedOn
  category token category
  code token code
  combo-code token code component.code
  component-code token component.code
  component-value-quantity quantity component.valueQuantity
  date date effectiveDateTime|effectivePeriod|effectiveInstant|effectiveTiming
  derived-from reference derivedFrom
  encounter reference encounter
  has-member reference hasMember
  method token method
  part-of reference partOf
  patient reference subject>Patient
  performer reference performer
  status token status@http://hl7.org/fhir/observation-status
  subject reference subject
  value-concept token valueCodeableConcept
  value-date date valueDateTime|valuePeriod
  value-quantity quantity valueQuantity
DiagnosticReport
  based-on reference basedOn
  category token category
  code token code
  conclusion token conclusionCode
  date date effectiveDateTime|effectivePeriod
  encounter reference encounter
  issued date issued
  patient reference subject>Patient
  performer reference performer
  result reference result
  status token status@http://hl7.org/fhir/diagnostic-report-status
  subject reference subject
ServiceRequest
  authored date authoredOn
  based-on reference basedOn
  category token category
  code token code
  encounter reference encounter
  intent token intent@http://hl7.org/fhir/request-intent
  occurrence date occurrenceDateTime|occurrencePeriod|occurrenceTiming
  patient reference subject>Patient
  performer reference performer
  priority token priority@http://hl7.org/fhir/request-priority
  requester reference requester
  requisition token requisition
  status token status@http://hl7.org/fhir/request-status
  subject reference subject
Procedure
  based-on reference basedOn
  category token category
  code token code
  date date performedDateTime|performedPeriod
  encounter reference encounter
  part-of reference partOf
  patient reference subject>Patient
  performer reference performer.actor
  reason-code token reasonCode
  status token status@http://hl7.org/fhir/event-status
  subject reference subject
CarePlan
  based-on reference basedOn
  care-team reference careTeam
  category token category
  condition reference addresses
  date date period
  encounter reference encounter
  goal reference goal
  intent token intent@http://hl7.org/fhir/request-intent
  part-of reference partOf
  patient reference subject>Patient
  status token status@http://hl7.org/fhir/request-status
  subject reference subject
Consent
  category token category
  consentor reference performer
  date date dateTime
  organization reference organization
  patient reference patient>Patient
  period date provision.period
  scope token scope
  status token status@http://hl7.org/fhir/consent-state-codes
DocumentReference
  author reference author
  category token category
  contenttype token content.attachment.contentType@urn:ietf:bcp:13
  custodian reference custodian
  date date date
  encounter reference context.encounter
  format token content.format
  identifier token masterIdentifier identifier
  patient reference subject>Patient
  period date context.period
  related reference context.related
  status token status@http://hl7.org/fhir/document-reference-status
  subject reference subject
  type token type
DocumentManifest
  identifier token masterIdentifier identifier
  patient reference subject>Patient
  subject reference subject
Appointment
  actor reference participant.actor
  appointment-type token appointmentType
  based-on reference basedOn
  date date start
  location reference participant.actor>Location
  part-status token participant.status@http://hl7.org/fhir/participationstatus
  patient reference participant.actor>Patient
  practitioner reference participant.actor>Practitioner
  reason-code token reasonCode
  service-type token serviceType
  slot reference slot
  status token status@http://hl7.org/fhir/appointmentstatus
Task
  authored-on date authoredOn
  based-on reference basedOn
  business-status token businessStatus
  code token code
  encounter reference encounter
  focus reference focus
  group-identifier token groupIdentifier
  intent token intent@http://hl7.org/fhir/task-intent
  modified date lastModified
  owner reference owner
  part-of reference partOf
  patient reference for>Patient
  period date executionPeriod
  priority token priority@http://hl7.org/fhir/request-priority
  requester reference requester
  status token status@http://hl7.org/fhir/task-status
  subject reference for
Communication
  based-on reference basedOn
  category token category
  encounter reference encounter
  medium token medium
  part-of reference partOf
  patient reference subject>Patient
  received date received
  recipient reference recipient
  sender reference sender
  sent date sent
  status token status@http://hl7.org/fhir/event-status
  subject reference subject
Basic
  author reference author
  code token code
  created date created
  patient reference subject>Patient
  subject reference subject
Goal
  achievement-status token achievementStatus
  category token category
  lifecycle-status token lifecycleStatus@http://hl7.org/fhir/goal-status
  patient reference subject>Patient
  start-date date startDate
  subject reference subject
  target-date date target.dueDate
Binary
`

// additions are the parameters that R4 does not define for a type and that are ours: after the
// type their names. A client asks for the visit, the category and the dossier of whatever it
// may be, and for an identifier.
const additions = `
AdverseEvent identifier patient
AppointmentResponse subject
Binary identifier
BodyStructure subject
Claim subject
ClaimResponse subject
Coverage subject
CoverageEligibilityRequest subject
CoverageEligibilityResponse subject
DetectedIssue subject
Device subject
ExplanationOfBenefit subject
FamilyMemberHistory subject
Immunization encounter
ImmunizationEvaluation subject
ImmunizationRecommendation subject
MedicationDispense category encounter
MedicationStatement encounter
MolecularSequence subject
NutritionOrder subject
Provenance identifier subject
ResearchSubject subject
Schedule patient subject
SupplyDelivery subject
SupplyRequest patient
VisionPrescription subject
`

// dossierTypes are the other types whose records belong to a dossier. Of them only the
// dossier is searched.
const dossierTypes = `Account AdverseEvent AppointmentResponse BodyStructure CareTeam ChargeItem Claim ClaimResponse
	ClinicalImpression CommunicationRequest Composition Contract Coverage CoverageEligibilityRequest
	CoverageEligibilityResponse DetectedIssue Device DeviceRequest DeviceUseStatement
	EnrollmentRequest ExplanationOfBenefit FamilyMemberHistory Flag GuidanceResponse ImagingStudy
	ImmunizationEvaluation ImmunizationRecommendation Invoice List MeasureReport Media MedicationAdministration
	MolecularSequence NutritionOrder Provenance QuestionnaireResponse RequestGroup ResearchSubject RiskAssessment
	Schedule Specimen SupplyDelivery SupplyRequest VisionPrescription`
