___TERMS_OF_SERVICE___

By creating or modifying this file you agree to Google Tag Manager's Community
Template Gallery Developer Terms of Service available at
https://developers.google.com/tag-manager/gallery-tos (or such other URL as
Google may provide), as modified from time to time.


___INFO___

{
  "type": "TAG",
  "id": "cvt_temp_public_id",
  "version": 1,
  "securityGroups": [],
  "displayName": "Trailmark",
  "categories": ["AFFILIATE_MARKETING", "ATTRIBUTION", "CONVERSIONS"],
  "brand": {
    "id": "brand_dummy",
    "displayName": "Trailmark"
  },
  "description": "Loads the Trailmark SDK from your own proxy, and reports signups and leads, so that the partner who brought a customer is credited.",
  "containerContexts": ["WEB"]
}


___TEMPLATE_PARAMETERS___

[
  {
    "type": "SELECT",
    "name": "action",
    "displayName": "What this tag does",
    "selectItems": [
      { "value": "load", "displayValue": "Load the SDK" },
      { "value": "signup", "displayValue": "Report a signup" },
      { "value": "lead", "displayValue": "Report a lead" }
    ],
    "simpleValueType": true,
    "defaultValue": "load"
  },
  {
    "type": "TEXT",
    "name": "address",
    "displayName": "Address of sdk.js",
    "simpleValueType": true,
    "help": "On your own host, such as https://www.example.com/tm/sdk.js",
    "valueValidators": [
      { "type": "NON_EMPTY" },
      {
        "type": "REGEX",
        "args": ["^https://[^/?#]+/([^?#]*/)?sdk\\.js$"],
        "errorMessage": "Write the address of sdk.js on your own host, beginning with https:// and without a query."
      }
    ],
    "enablingConditions": [{ "paramName": "action", "paramValue": "load", "type": "EQUALS" }]
  },
  {
    "type": "TEXT",
    "name": "site",
    "displayName": "Site id",
    "simpleValueType": true,
    "help": "The id of the site in trailmark.toml",
    "valueValidators": [
      { "type": "NON_EMPTY" },
      { "type": "REGEX", "args": ["^[a-z0-9][a-z0-9-]{0,31}$"], "errorMessage": "1 to 32 of a-z, 0-9 and -" }
    ],
    "enablingConditions": [{ "paramName": "action", "paramValue": "load", "type": "EQUALS" }]
  },
  {
    "type": "SELECT",
    "name": "consent",
    "displayName": "Consent",
    "selectItems": [
      { "value": "mode", "displayValue": "From Google Consent Mode: ad_storage and ad_user_data" },
      { "value": "pending", "displayValue": "The page calls trailmark.consent" },
      { "value": "granted", "displayValue": "Granted: this tag fires only with consent" }
    ],
    "simpleValueType": true,
    "defaultValue": "mode",
    "enablingConditions": [{ "paramName": "action", "paramValue": "load", "type": "EQUALS" }]
  },
  {
    "type": "TEXT",
    "name": "params",
    "displayName": "Generic parameters",
    "simpleValueType": true,
    "help": "Names that count as a partner key, with commas between, such as via,ref. Leave it empty unless the program's params name some.",
    "enablingConditions": [{ "paramName": "action", "paramValue": "load", "type": "EQUALS" }]
  },
  {
    "type": "TEXT",
    "name": "customerKey",
    "displayName": "Customer key",
    "simpleValueType": true,
    "help": "Your own key of the customer, from a variable",
    "valueValidators": [{ "type": "NON_EMPTY" }],
    "enablingConditions": [{ "paramName": "action", "paramValue": "load", "type": "NOT_EQUALS" }]
  },
  {
    "type": "TEXT",
    "name": "email",
    "displayName": "E-mail address",
    "simpleValueType": true,
    "help": "From a variable; some partner platforms need it",
    "enablingConditions": [{ "paramName": "action", "paramValue": "load", "type": "NOT_EQUALS" }]
  },
  {
    "type": "TEXT",
    "name": "name",
    "displayName": "Name",
    "simpleValueType": true,
    "enablingConditions": [{ "paramName": "action", "paramValue": "load", "type": "NOT_EQUALS" }]
  }
]


___SANDBOXED_JS_FOR_WEB_TEMPLATE___

const addConsentListener = require('addConsentListener');
const callInWindow = require('callInWindow');
const copyFromWindow = require('copyFromWindow');
const encodeUriComponent = require('encodeUriComponent');
const injectScript = require('injectScript');
const isConsentGranted = require('isConsentGranted');

// The two types of Google Consent Mode that a partner's attribution needs: storage on the device, and data about the user.
const TYPES = ['ad_storage', 'ad_user_data'];
const isGranted = () => isConsentGranted(TYPES[0]) && isConsentGranted(TYPES[1]);

if (data.action === 'load') {
  const followsMode = data.consent === 'mode';
  // Nobody may have been asked yet, so what is not granted is pending. A later refusal is told by the listener.
  const consent = followsMode ? (isGranted() ? 'granted' : 'pending') : data.consent;
  const params = data.params ? '&params=' + encodeUriComponent(data.params) : '';
  const address = data.address + '?site=' + encodeUriComponent(data.site) + '&consent=' + consent + params;
  const onLoad = () => {
    const tell = () => callInWindow('trailmark.consent', isGranted() ? 'granted' : 'denied');
    if (followsMode) {
      // It may have changed while the script was on its way.
      if (isGranted() !== (consent === 'granted')) tell();
      TYPES.forEach((type) => addConsentListener(type, tell));
    }
    data.gtmOnSuccess();
  };
  // With the address as its token, the script is loaded once, however often the tag fires.
  injectScript(address, onLoad, data.gtmOnFailure, address);
} else if (copyFromWindow('trailmark.' + data.action)) {
  // What is empty is absent.
  const customer = { customerKey: data.customerKey };
  if (data.email) customer.email = data.email;
  if (data.name) customer.name = data.name;
  callInWindow('trailmark.' + data.action, customer);
  data.gtmOnSuccess();
} else {
  // The tag that loads the SDK has not fired.
  data.gtmOnFailure();
}


___WEB_PERMISSIONS___

[
  {
    "instance": {
      "key": { "publicId": "inject_script", "versionId": "1" },
      "param": [
        {
          "key": "urls",
          "value": { "type": 2, "listItem": [{ "type": 1, "string": "https://*/*" }] }
        }
      ]
    },
    "clientAnnotations": { "isEditedByUser": true },
    "isRequired": true
  },
  {
    "instance": {
      "key": { "publicId": "access_globals", "versionId": "1" },
      "param": [
        {
          "key": "keys",
          "value": {
            "type": 2,
            "listItem": [
              {
                "type": 3,
                "mapKey": [
                  { "type": 1, "string": "key" },
                  { "type": 1, "string": "read" },
                  { "type": 1, "string": "write" },
                  { "type": 1, "string": "execute" }
                ],
                "mapValue": [
                  { "type": 1, "string": "trailmark.consent" },
                  { "type": 8, "boolean": false },
                  { "type": 8, "boolean": false },
                  { "type": 8, "boolean": true }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  { "type": 1, "string": "key" },
                  { "type": 1, "string": "read" },
                  { "type": 1, "string": "write" },
                  { "type": 1, "string": "execute" }
                ],
                "mapValue": [
                  { "type": 1, "string": "trailmark.signup" },
                  { "type": 8, "boolean": true },
                  { "type": 8, "boolean": false },
                  { "type": 8, "boolean": true }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  { "type": 1, "string": "key" },
                  { "type": 1, "string": "read" },
                  { "type": 1, "string": "write" },
                  { "type": 1, "string": "execute" }
                ],
                "mapValue": [
                  { "type": 1, "string": "trailmark.lead" },
                  { "type": 8, "boolean": true },
                  { "type": 8, "boolean": false },
                  { "type": 8, "boolean": true }
                ]
              }
            ]
          }
        }
      ]
    },
    "clientAnnotations": { "isEditedByUser": true },
    "isRequired": true
  },
  {
    "instance": {
      "key": { "publicId": "access_consent", "versionId": "1" },
      "param": [
        {
          "key": "consentTypes",
          "value": {
            "type": 2,
            "listItem": [
              {
                "type": 3,
                "mapKey": [
                  { "type": 1, "string": "consentType" },
                  { "type": 1, "string": "read" },
                  { "type": 1, "string": "write" }
                ],
                "mapValue": [
                  { "type": 1, "string": "ad_storage" },
                  { "type": 8, "boolean": true },
                  { "type": 8, "boolean": false }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  { "type": 1, "string": "consentType" },
                  { "type": 1, "string": "read" },
                  { "type": 1, "string": "write" }
                ],
                "mapValue": [
                  { "type": 1, "string": "ad_user_data" },
                  { "type": 8, "boolean": true },
                  { "type": 8, "boolean": false }
                ]
              }
            ]
          }
        }
      ]
    },
    "clientAnnotations": { "isEditedByUser": true },
    "isRequired": true
  }
]


___TESTS___

scenarios:
- name: The script is loaded from the given address with site and consent
  code: |-
    let loaded;
    mock('isConsentGranted', () => true);
    mock('injectScript', (url, onSuccess) => {
      loaded = url;
      onSuccess();
    });
    runCode({ action: 'load', address: 'https://www.example.com/tm/sdk.js', site: 'acme', consent: 'mode' });
    assertThat(loaded).isEqualTo('https://www.example.com/tm/sdk.js?site=acme&consent=granted');
    assertApi('callInWindow').wasNotCalled();
    assertApi('gtmOnSuccess').wasCalled();
- name: Without an answer in Consent Mode the page waits
  code: |-
    let loaded;
    mock('isConsentGranted', () => false);
    mock('injectScript', (url) => {
      loaded = url;
    });
    runCode({ action: 'load', address: 'https://www.example.com/tm/sdk.js', site: 'acme', consent: 'mode', params: 'via,ref' });
    assertThat(loaded).isEqualTo('https://www.example.com/tm/sdk.js?site=acme&consent=pending&params=via%2Cref');
    assertApi('gtmOnSuccess').wasNotCalled();
- name: A later answer is told, and a withdrawal too
  code: |-
    let granted = false;
    const listeners = [];
    const told = [];
    mock('isConsentGranted', () => granted);
    mock('addConsentListener', (type, listener) => {
      listeners.push(listener);
    });
    mock('callInWindow', (name, state) => {
      told.push(name + ' ' + state);
    });
    mock('injectScript', (url, onSuccess) => {
      onSuccess();
    });
    runCode({ action: 'load', address: 'https://www.example.com/tm/sdk.js', site: 'acme', consent: 'mode' });
    assertThat(told).isEqualTo([]);
    granted = true;
    listeners[0]('ad_storage', true);
    granted = false;
    listeners[1]('ad_user_data', false);
    assertThat(told).isEqualTo(['trailmark.consent granted', 'trailmark.consent denied']);
- name: An answer while the script is on its way is told
  code: |-
    let granted = false;
    mock('isConsentGranted', () => granted);
    mock('injectScript', (url, onSuccess) => {
      granted = true;
      onSuccess();
    });
    runCode({ action: 'load', address: 'https://www.example.com/tm/sdk.js', site: 'acme', consent: 'mode' });
    assertApi('callInWindow').wasCalledWith('trailmark.consent', 'granted');
- name: With a consent of the page's own, Consent Mode is not asked
  code: |-
    mock('injectScript', (url, onSuccess) => {
      onSuccess();
    });
    runCode({ action: 'load', address: 'https://www.example.com/tm/sdk.js', site: 'acme', consent: 'pending' });
    assertApi('isConsentGranted').wasNotCalled();
    assertApi('addConsentListener').wasNotCalled();
    assertApi('gtmOnSuccess').wasCalled();
- name: A script that is blocked fails the tag
  code: |-
    mock('injectScript', (url, onSuccess, onFailure) => {
      onFailure();
    });
    runCode({ action: 'load', address: 'https://www.example.com/tm/sdk.js', site: 'acme', consent: 'granted' });
    assertApi('gtmOnFailure').wasCalled();
    assertApi('gtmOnSuccess').wasNotCalled();
- name: A signup is reported without what is empty
  code: |-
    mock('copyFromWindow', () => () => {});
    runCode({ action: 'signup', customerKey: 'u_1', email: 'ada@example.com', name: '' });
    assertApi('callInWindow').wasCalledWith('trailmark.signup', { customerKey: 'u_1', email: 'ada@example.com' });
    assertApi('gtmOnSuccess').wasCalled();
- name: A lead before the SDK was loaded fails the tag
  code: |-
    mock('copyFromWindow', () => undefined);
    runCode({ action: 'lead', customerKey: 'u_1' });
    assertApi('callInWindow').wasNotCalled();
    assertApi('gtmOnFailure').wasCalled();


___NOTES___

The Community Template Gallery expects this file and metadata.yaml in the root of a repository of their own.
The test tests/package/tag_manager.test.mjs runs the scenarios above, and holds the code to the permissions.
