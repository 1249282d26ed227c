// Every word of the interface. Another language is another object of this form.

const english = {
  locale: 'en-GB',
  product: 'carelog',
  skip: 'Skip to the content',
  nav: { label: 'Pages', patients: 'Patients', conflicts: 'Conflicts', synchronisation: 'Synchronisation' },
  loading: 'Loading…',
  nothingFound: 'This page does not exist.',
  toPatients: 'To the patients',
  retry: 'Try again',
  cancel: 'Cancel',
  close: 'Close',
  unknown: 'unknown',
  none: 'none',

  errors: {
    unreachable: 'carelog on this PC does not answer. What you typed is kept here; it is saved as soon as carelog runs again and you press Save.',
    login: 'This browser is no longer logged in: open a new link. What you typed is kept here.',
    answer: (status) => `carelog answered with ${status}.`,
    heading: 'This could not be shown',
  },

  user: {
    label: 'You are',
    nobody: 'User of this PC',
    hint: 'What you register carries this name.',
  },

  light: {
    online: 'Online', synchronising: 'Synchronising', offline: 'Offline', unknown: 'No contact',
    marks: { online: '●', synchronising: '◐', offline: '○', unknown: '?' },
    meaning: {
      online: 'Everything of this PC is on the server, and everything of the server is here.',
      synchronising: 'This PC is catching up with the server. You can go on working.',
      offline: 'You can go on working: what you register is kept safely on this PC until the server can be reached.',
      unknown: 'This page has lost contact with carelog on this PC, so what you see may be old.',
    },
    open: (state) => `${state}. Show details`,
    since: 'Since', reason: 'Reason', server: 'Server', agreed: 'Last agreement', queue: 'Not yet on the server',
    setAside: 'Set aside', position: 'Position', practice: 'Practice', device: 'This PC', conflicts: 'Conflicts',
    never: 'not yet',
    workOffline: 'Work offline', workOnline: 'Work online',
    details: 'All details',
    activity: {
      initial: 'First synchronisation', 'catch-up': 'Reading what is new', push: 'Sending what was queued', heal: 'Giving back what the server lost',
    },
    progress: (done, total) => `${number(done)} of ${number(total)}`,
    eta: (seconds) => (seconds < 0 ? 'duration not known yet' : seconds < 90 ? `about ${seconds} s left` : `about ${Math.round(seconds / 60)} min left`),
    rate: (n) => (n > 0 ? `${number(n)} records a second` : ''),
    bytes: (n) => (n > 0 ? `${n < 1e6 ? `${number(Math.round(n / 1e3))} kB` : `${number(Math.round(n / 1e6))} MB`} read` : ''),
    agenda: 'Agenda fetched first',
    of: (n, total) => `${number(n)} of ${number(total)}`,
  },
  live: {
    stale: 'This page has lost contact with carelog on this PC. It tries again by itself; until then, what you see may be old.',
    login: 'This browser is no longer logged in. Open a new link to go on.',
  },

  patients: {
    title: 'Patients',
    search: 'Search by name, birth date or number',
    hint: 'Names in any order; dates like 12/03/1957; press / to come here',
    add: 'New patient',
    name: 'Name', birth: 'Born', age: 'Age', gender: 'Gender', number: 'National number',
    count: (n) => `${number(n)} ${n === 1 ? 'patient' : 'patients'}`,
    more: 'Show more',
    empty: 'No patients are here yet.',
    nobody: (query) => `Nobody found for “${query}”.`,
    arriving: 'carelog is still reading the records of the practice; patients appear as they arrive.',
    perhaps: 'This PC has not read all records of the practice yet: somebody who is not found here may still be known.',
    newTitle: 'New patient',
    unnamed: 'Name not known',
  },
  gender: { male: 'Male', female: 'Female', other: 'Other', unknown: 'Not known' },
  age: (years, months) => (years >= 2 ? `${years} years` : `${months} ${months === 1 ? 'month' : 'months'}`),

  dossier: {
    allergies: 'Allergies',
    noAllergies: 'No allergies registered',
    allergiesUnreadable: 'An allergy is registered that cannot be read on this PC: ask before prescribing.',
    alsoIn: 'in conflict',
    deceased: 'Deceased',
    notHere: 'This patient is not on this PC.',
    incomplete: 'Not everything of this dossier could be fetched yet: there may be more than is shown, allergies too.',
    deletedPatient: 'This patient was deleted.',
    add: (kind) => `Add ${kind.toLowerCase()}`,
    addShort: 'Add',
    edit: 'Edit',
    remove: 'Delete',
    other: 'Other registrations',
    empty: {
      DocumentReference: 'No notes yet.', Condition: 'No problems registered.',
      AllergyIntolerance: 'No allergies registered.', MedicationStatement: 'No medication registered.',
    },
    queued: 'Not yet on the server',
    setAside: 'Refused by the server',
    conflict: (n) => `Conflict: ${n} versions`,
    decide: 'Compare and choose',
    unread: 'This registration cannot be read on this PC.',
    past: (n) => `${number(n)} no longer active`,
    removeTitle: (kind) => `Delete this ${kind.toLowerCase()}?`,
    removeText: 'It disappears from the dossier of every desk. It stays in the history of the record.',
    removeConflict: 'This registration has conflicting versions. Deleting ends only the version shown; compare and choose first.',
    removed: 'Deleted.',
    changedFirst: 'This registration was changed meanwhile, so it was not deleted. Look at it again.',
    by: 'by',
    fields: 'All fields',
    born: 'Born',
  },

  form: {
    save: 'Save', saving: 'Saving…', saved: 'Saved.', cancel: 'Cancel',
    required: 'This field is needed.',
    date: 'Write a date as 2026-03-12, or less exactly as 2026-03 or 2026.',
    dateHint: 'Year-month-day, or only what is known',
    number: 'The check digits of this number are not right. It can be saved all the same.',
    restored: 'What you typed earlier is back. It has not been saved yet.',
    coded: (code) => `This registration carries a code (${code}). Other words remove the code.`,
    inConflict: 'This registration has conflicting versions: what you save changes only the one that is shown.',
    nothing: 'Nothing was changed.',
    failed: 'Not saved',
    fullTime: 'with its time of day',
    fields: {
      text: 'Note', title: 'Title', problem: 'Problem', since: 'Since', clinical: 'State', remark: 'Remark',
      substance: 'Allergic to', criticality: 'How serious', reaction: 'Reaction',
      medicine: 'Medicine', dose: 'Dose and instructions', taking: 'State', start: 'Started',
      family: 'Family name', given: 'Given names', birthDate: 'Date of birth', gender: 'Gender', ssin: 'National number',
    },
    choose: 'not said',
    clinical: { active: 'Active', recurrence: 'Returned', relapse: 'Relapsed', inactive: 'Inactive', remission: 'In remission', resolved: 'Over' },
    criticality: { high: 'High risk', low: 'Low risk', 'unable-to-assess': 'Risk not known' },
    taking: {
      active: 'Takes it', completed: 'Finished', stopped: 'Stopped', 'on-hold': 'Paused', intended: 'Planned',
      'not-taken': 'Does not take it', unknown: 'Not known', 'entered-in-error': 'Entered in error',
    },
  },
  stale: {
    title: 'Somebody changed this meanwhile',
    text: 'Nothing of what you typed is lost. This is what stands now:',
    same: 'Only parts that this form does not show were changed.',
    before: 'When you began', now: 'Now', yours: 'Yours',
    over: 'Save mine on top of it', drop: 'Throw mine away',
    gone: 'Somebody deleted this registration meanwhile. Nothing of what you typed is lost.',
    anew: 'Save mine as a new registration',
  },

  conflicts: {
    title: 'Conflicts',
    intro: 'These registrations were changed in two places at once. Both versions are kept until somebody chooses.',
    none: 'There are no conflicts.',
    noneText: 'Every registration has one version.',
    patient: 'Patient', record: 'Registration', who: 'Who', where: 'Where', when: 'When', versions: 'Versions',
    compare: (what, who) => `Compare the versions of ${what}${who ? ` of ${who}` : ''}`,
    safety: 'Safety',
    practice: 'The practice',
    more: 'Show more',
    left: (n) => `${number(n)} ${n === 1 ? 'conflict' : 'conflicts'} left`,
    back: 'All conflicts',
    ancestor: 'Before', ancestorHint: (n) => (n === 2 ? 'What both had before them' : 'What all had before them'),
    noAncestor: 'Registered without a shared version before',
    shown: 'Shown now',
    version: (n) => `Version ${n}`,
    deleted: 'Deleted', deletedText: 'This version deletes the registration.',
    unread: 'This version cannot be read on this PC.',
    absent: '—',
    keep: 'Keep this one', keepDeleted: 'Keep it deleted', keeping: 'Keeping…',
    field: 'Field', changed: 'changed',
    differs: (n) => `${number(n)} ${n === 1 ? 'field differs' : 'fields differ'}`,
    same: 'The same in all versions',
    order: 'The order differs',
    order2: 'only in another order',
    clock: (time) => `The clock of this PC was wrong: ${time}`,
    elsewhere: 'This conflict was changed elsewhere while you had it open. This is what stands now.',
    solvedElsewhere: 'This conflict was already settled elsewhere.',
    solved: 'Settled. The other versions stay in the history.',
    next: 'Next conflict',
    queued: 'not yet on the server',
  },

  synchronisation: {
    title: 'Synchronisation',
    queue: 'Not yet on the server', queueEmpty: 'Everything of this PC is on the server.',
    aside: 'Set aside', asideText: 'The server refused these for good. They stay here until somebody decides; nothing else waits for them.',
    record: 'Registration', who: 'Who', when: 'When', attempts: 'Attempts', error: 'Last answer',
    more: (n) => `and ${number(n)} more`,
    retry: 'Send again', discard: 'Discard',
    discardTitle: 'Discard this registration?',
    discardText: 'It was refused by the server and will never reach the other desks. It stays in the log of this PC, with your name and your reason.',
    reason: 'Reason',
    discarded: 'Discarded.', retried: 'It will be sent again.',
    doubts: 'Events in doubt', doubtsText: 'These were kept, but are not trusted or cannot be read.',
    doubtNames: {
      unopened: 'Cannot be opened', signature: 'Wrong signature', revoked: 'PC no longer trusted', 'unknown-type': 'From a newer version',
      broken: 'Not readable', repeat: 'Stored twice', twin: 'Two under one id', fork: 'Chain of a PC split',
    },
    warnings: 'Warnings',
  },

  kinds: {
    AllergyIntolerance: 'Allergy', Appointment: 'Appointment', CarePlan: 'Care plan', Communication: 'Message', Condition: 'Problem',
    Consent: 'Consent', Coverage: 'Insurance', Device: 'PC', DiagnosticReport: 'Report', DocumentReference: 'Note', Encounter: 'Contact',
    EpisodeOfCare: 'Episode of care', Flag: 'Warning', Goal: 'Goal', ImagingStudy: 'Imaging', Immunization: 'Vaccination',
    MedicationAdministration: 'Medication given', MedicationDispense: 'Medication dispensed', MedicationRequest: 'Prescription',
    MedicationStatement: 'Medication', Observation: 'Measurement', Organization: 'Organisation', Patient: 'Patient',
    Practitioner: 'Care provider', PractitionerRole: 'Role', Procedure: 'Procedure', Provenance: 'Origin', RelatedPerson: 'Relative',
    ServiceRequest: 'Request', Task: 'Task', Claim: 'Claim', ExplanationOfBenefit: 'Statement of costs', CareTeam: 'Care team',
    SupplyDelivery: 'Delivery', Media: 'Picture', Location: 'Place',
  },
  sections: {
    DocumentReference: 'Notes', Condition: 'Problems', AllergyIntolerance: 'Allergies', MedicationStatement: 'Medication',
  },
  // Fields of a record in a comparison, by their path without the places in lists.
  paths: {
    'DocumentReference.content.attachment.data': 'Text', 'DocumentReference.content': 'Text', 'DocumentReference.description': 'Title',
    'Condition.code': 'Problem', 'AllergyIntolerance.code': 'Allergic to', 'MedicationStatement.medicationCodeableConcept': 'Medicine',
    'MedicationStatement.dosage': 'Dose and instructions', 'MedicationStatement.dosage.text': 'Dose and instructions', 'MedicationStatement.effectivePeriod': 'Period',
    'note.text': 'Remark', note: 'Remark', clinicalStatus: 'State', criticality: 'How serious', reaction: 'Reaction',
    'reaction.manifestation': 'Reaction', onsetDateTime: 'Since', birthDate: 'Date of birth', identifier: 'Numbers',
  },
  yes: 'yes', no: 'no',
};

/** words is the language in use. */
export const words = english;

/** kind names a resource type in words; a type without a word is taken apart at its capitals. */
export function kind(type) {
  return words.kinds[type] ?? type.replace(/([a-z])([A-Z])/g, (_, a, b) => `${a} ${b.toLowerCase()}`);
}

/** number writes a whole number. */
export function number(n) {
  return new Intl.NumberFormat(english.locale).format(n);
}

/** date writes a FHIR date or dateTime, as exactly as it was given and no more so. */
export function date(value) {
  const match = /^(\d{4})(?:-(\d\d))?(?:-(\d\d))?(T.*)?$/.exec(value ?? '');
  if (!match) return value ?? '';
  const [, year, month, day, time] = match;
  if (!month) return year;
  if (time) return moment(value);
  const utc = new Date(Date.UTC(+year, +month - 1, +(day ?? 1)));
  const options = { timeZone: 'UTC', year: 'numeric', month: 'short', ...(day && { day: 'numeric' }) };
  return new Intl.DateTimeFormat(words.locale, options).format(utc);
}

/** moment writes a time of day, with its date unless that is today. */
export function moment(value) {
  const time = new Date(value);
  if (Number.isNaN(time.getTime()) || time.getUTCFullYear() < 2) return words.light.never;
  const today = time.toDateString() === new Date().toDateString();
  const options = { hour: '2-digit', minute: '2-digit', ...(!today && { day: 'numeric', month: 'short', year: 'numeric' }) };
  return new Intl.DateTimeFormat(words.locale, options).format(time);
}
