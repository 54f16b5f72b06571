Alias: $sct = http://snomed.info/sct
Alias: $plan-type = http://terminology.hl7.org/CodeSystem/plan-definition-type
Alias: $lib-type = http://terminology.hl7.org/CodeSystem/library-type

RuleSet: Shareable
* status = #active
* experimental = false
* version = "0.1.0"
* publisher = "Example guideline group"

Profile: NeckPainCondition
Parent: Condition
Id: neck-pain-condition
Title: "Neck pain"
Description: "A problem that is neck pain."
* code from NeckPain (required)

CodeSystem: Decisions
Id: decisions
Title: "Decisions"
Description: "What the cards are about."
* ^caseSensitive = true
* #keep-moving "Keep moving"

ValueSet: NeckPain
Id: neck-pain
Title: "Neck pain"
Description: "Codes for pain in the neck."
* $sct#81680005 "Neck pain"

Instance: NeckPainLogic
InstanceOf: Library
Usage: #definition
* insert Shareable
* url = "https://example.org/fhir/Library/NeckPainLogic"
* name = "NeckPainLogic"
* title = "Who has neck pain"
* type = $lib-type#logic-library
* content[+].id = "ig-loader-NeckPainLogic.cql"

Instance: advise-moving
InstanceOf: ActivityDefinition
Usage: #definition
* insert Shareable
* url = "https://example.org/fhir/ActivityDefinition/advise-moving"
* name = "AdviseMoving"
* title = "Advise to keep moving"
* kind = #CommunicationRequest
* intent = #proposal

Instance: keep-moving
InstanceOf: PlanDefinition
Usage: #definition
* insert Shareable
* url = "https://example.org/fhir/PlanDefinition/keep-moving"
* name = "KeepMoving"
* title = "Keep moving with neck pain"
* type = $plan-type#eca-rule
* description = "Advice to keep moving when neck pain is recorded."
* library = "https://example.org/fhir/Library/NeckPainLogic"
* action[+].id = "keep-moving"
* action[=].title = "Neck pain: advise to keep moving"
* action[=].description = "People who keep moving tend to recover sooner."
* action[=].code = Decisions#keep-moving "Keep moving"
* action[=].documentation.type = #citation
* action[=].documentation.display = "Example guideline, section 2"
* action[=].trigger.type = #named-event
* action[=].trigger.name = "patient-view"
* action[=].condition.kind = #applicability
* action[=].condition.expression.language = #text/cql-identifier
* action[=].condition.expression.expression = "HasNeckPain"
* action[=].action[+].id = "advise"
* action[=].action[=].title = "Record the advice"
* action[=].action[=].definitionCanonical = "https://example.org/fhir/ActivityDefinition/advise-moving"

Instance: example-patient
InstanceOf: Patient
Usage: #example
* name.family = "Example"
* birthDate = "1980-01-01"
