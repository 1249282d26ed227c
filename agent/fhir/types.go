package fhir

import "strings"

// traits say what the records of a type can be searched by, beside what all can.
type traits uint8

const (
	inDossier traits = 1 << iota // patient, subject
	hasName                      // name
	hasParts                     // family, given
	hasBirth                     // birthdate
)

// resourceTypes are the types of FHIR R4 that can be a record: all but Parameters and
// OperationOutcome, which are only ever sent. All are kept in the same way; what is
// searched is in the traits.
var resourceTypes = func() map[string]traits {
	all := map[string]traits{
		"Patient":           hasName | hasParts | hasBirth,
		"Practitioner":      hasName | hasParts,
		"RelatedPerson":     inDossier | hasName | hasBirth,
		"Person":            inDossier | hasName | hasBirth,
		"Organization":      hasName,
		"Location":          hasName,
		"HealthcareService": hasName,
	}
	for _, t := range strings.Fields(`Account AdverseEvent AllergyIntolerance Appointment AppointmentResponse Basic
		BodyStructure CarePlan CareTeam ChargeItem Claim ClaimResponse ClinicalImpression Communication
		CommunicationRequest Composition Condition Consent Contract Coverage CoverageEligibilityRequest
		CoverageEligibilityResponse DetectedIssue Device DeviceRequest DeviceUseStatement DiagnosticReport
		DocumentManifest DocumentReference Encounter EnrollmentRequest EpisodeOfCare ExplanationOfBenefit
		FamilyMemberHistory Flag Goal GuidanceResponse ImagingStudy Immunization ImmunizationEvaluation
		ImmunizationRecommendation Invoice List MeasureReport Media MedicationAdministration MedicationDispense
		MedicationRequest MedicationStatement MolecularSequence NutritionOrder Observation Procedure Provenance
		QuestionnaireResponse RequestGroup ResearchSubject RiskAssessment Schedule ServiceRequest Specimen
		SupplyDelivery SupplyRequest Task VisionPrescription`) {
		all[t] = inDossier
	}
	for _, t := range strings.Fields(`ActivityDefinition AuditEvent Binary BiologicallyDerivedProduct Bundle
		CapabilityStatement CatalogEntry ChargeItemDefinition CodeSystem CompartmentDefinition ConceptMap
		DeviceDefinition DeviceMetric EffectEvidenceSynthesis Endpoint EnrollmentResponse EventDefinition Evidence
		EvidenceVariable ExampleScenario GraphDefinition Group ImplementationGuide InsurancePlan Library Linkage
		Measure Medication MedicationKnowledge MedicinalProduct MedicinalProductAuthorization
		MedicinalProductContraindication MedicinalProductIndication MedicinalProductIngredient
		MedicinalProductInteraction MedicinalProductManufactured MedicinalProductPackaged
		MedicinalProductPharmaceutical MedicinalProductUndesirableEffect MessageDefinition MessageHeader
		NamingSystem ObservationDefinition OperationDefinition OrganizationAffiliation PaymentNotice
		PaymentReconciliation PlanDefinition PractitionerRole Questionnaire ResearchDefinition
		ResearchElementDefinition ResearchStudy RiskEvidenceSynthesis SearchParameter Slot SpecimenDefinition
		StructureDefinition StructureMap Subscription Substance SubstanceNucleicAcid SubstancePolymer
		SubstanceProtein SubstanceReferenceInformation SubstanceSourceMaterial SubstanceSpecification
		TerminologyCapabilities TestReport TestScript ValueSet VerificationResult`) {
		all[t] = 0
	}
	return all
}()
