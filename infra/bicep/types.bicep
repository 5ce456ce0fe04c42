@export()
@sealed()
@description('A place that a vault goes to, as an entry of SYNC_PLACEMENTS; what is left out comes from the vault\'s name.')
type placement = {
  @description('Project; needed where the name of the vault is not REGION-DS-AKV-PROJECT-STAGE-NUMBER.')
  project: string?

  @description('Stage; needed where the name of the vault is not REGION-DS-AKV-PROJECT-STAGE-NUMBER.')
  stage: string?

  @description('Namespace of the Secret.')
  namespace: string?

  @description('Name of the Secret.')
  secret: string?

  @description('Name of the cluster.')
  cluster: string?

  @description('Whether names without a stage\'s prefix go here, where the vault\'s placements differ in stage.')
  unprefixed: bool?
}

@export()
@description('One vault to serve.')
type vault = {
  @description('Resource id of the vault.')
  resourceId: string

  @description('Region of the vault, which its system topic is in, too.')
  location: string

  @description('Resource id of the system topic that the vault already has: a vault can have one. It needs a system-assigned identity. Left out: a topic is made beside the vault.')
  systemTopic: string?

  @description('Whether the vault takes access policies instead of Azure roles (RBAC authorization): the identity then gets an entry to get and list secrets. Refused where the vault takes roles, as a role is where it takes access policies.')
  accessPolicies: bool?

  @description('Where the vault goes; left out: where its name says.')
  placements: placement[]?
}

@export()
@description('The vaults to serve, by name.')
type vaultMap = {
  @description('One vault, under its name.')
  *: vault
}

@export()
@description('Object id of a group in Microsoft Entra.')
@minLength(36)
@maxLength(36)
type groupObjectId = string

@export()
@sealed()
@description('The vaults of one project and stage, REGION-DS-AKV-NAME-STAGE-NUMBER, which are made if they do not exist.')
type project = {
  @description('Name of the project, of a-z and 0-9 in parts joined by single hyphens.')
  @minLength(1)
  name: string

  @description('Stage, of a-z and 0-9.')
  @minLength(1)
  stage: string

  @description('A vault is made for each number, 1 to 99. Number 1 is the Secret keyvault-project.')
  @minLength(1)
  numbers: int[]

  @description('Region as the vaults\' names spell it, such as weu: of a-z and 0-9, a letter first.')
  @minLength(1)
  region: string

  @description('Azure region of the vaults, such as westeurope; left out: that of the app.')
  location: string?

  @description('Groups that set the secrets: Key Vault Secrets Officer.')
  officers: groupObjectId[]?

  @description('Groups that see the names of the secrets, and no value: Key Vault Reader.')
  readers: groupObjectId[]?

  @description('Public IPv4 ranges, such as 203.0.113.0/24, that the team comes from. With it the vaults have a firewall, which lets in these and network.addresses. Left out: none.')
  @minLength(1)
  addresses: string[]?
}

@export()
@description('A vault of a project, as it is made.')
type projectVault = {
  @description('Name of the vault.')
  name: string

  @description('Resource id of the vault.')
  resourceId: string

  @description('Azure region of the vault.')
  location: string

  @description('Object ids of the officers\' groups.')
  officers: string[]

  @description('Object ids of the readers\' groups.')
  readers: string[]

  @description('The team\'s address ranges; empty: no firewall.')
  addresses: string[]
}

@export()
@description('Resource ids of system topics, by the name of their vault.')
type topicMap = {
  @description('A topic, under its vault\'s name.')
  *: string
}

@export()
@description('Addresses of pages, by the name of their vault.')
type pageMap = {
  @description('A page, under its vault\'s name.')
  *: string
}

@export()
@sealed()
@description('Addresses of a storage account\'s services.')
type endpoints = {
  @description('Of blobs.')
  blob: string

  @description('Of queues.')
  queue: string

  @description('Of tables.')
  table: string
}

@export()
@description('Tags of a resource.')
type tagMap = {
  @description('A tag: its value, under its name.')
  *: string
}

@export()
@sealed()
@description('Which vaults go to a cluster, by shell patterns over their names\' parts; what is left out matches all.')
type clusterMatch = {
  @description('Pattern over the region of the vault\'s name.')
  region: string?

  @description('Pattern over the stage of the vault\'s name.')
  stage: string?
}

@export()
@sealed()
@description('An entry of SYNC_CLUSTERS, spelt as there: exactly one of aks, server, kubeconfig and kubeconfig_secret, and how to log in.')
type cluster = {
  @description('What outcomes call the cluster; each has its own.')
  name: string

  @description('The vaults that go to the cluster; left out: all.')
  match: clusterMatch?

  @description('Resource id of an AKS cluster; the identity may then ask Azure for its endpoint.')
  aks: string?

  @description('URL of an API server.')
  server: string?

  @description('The authority of server: PEM, base64 of PEM, or the path of a file.')
  ca: string?

  @description('Path of a kubeconfig. A whole one holds a credential, which would be in the deployment: keep it in a vault and give kubeconfig_secret.')
  kubeconfig: string?

  @description('VAULT/SECRET that holds a kubeconfig.')
  kubeconfig_secret: string?

  @description('Another context of the kubeconfig than its current one.')
  context: string?

  @description('Application id or URI that the identity logs in for; default: that of AKS.')
  audience: string?

  @description('VAULT/SECRET that holds a ServiceAccount token to log in with.')
  token_secret: string?
}

@export()
@sealed()
@description('Settings of the app; those that are given win over what is derived from other parameters.')
type syncSettings = {
  @description('Vault names that the timer, all and status cover, comma-separated.')
  SYNC_VAULTS: string?

  @description('Where else vaults come from. With resource-graph the identity may read the subscriptions; its role at vaults outside the parameter vaults is yours to assign.')
  SYNC_DISCOVERY: ('none' | 'resource-graph')?

  @description('Subscription ids that events and discovery may come from, comma-separated.')
  SYNC_SUBSCRIPTIONS: string?

  @description('Regular expression with the groups region, project, stage and number.')
  SYNC_VAULT_PATTERN: string?

  @description('DNS suffix of the vaults.')
  SYNC_VAULT_DNS_SUFFIX: string?

  @description('Template of the namespace over region, project, stage and number.')
  SYNC_NAMESPACE: string?

  @description('JSON list of placements, or the name of a file in the package; give placements of vaults or placementsFile instead.')
  SYNC_PLACEMENTS: string?

  @description('JSON list of clusters; give clusters instead, which also assigns the roles.')
  SYNC_CLUSTERS: string?

  @description('NCRONTAB of the timer, six fields, in UTC.')
  SYNC_SCHEDULE: string?

  @description('What becomes of keys whose vault secret is gone.')
  SYNC_PRUNE: ('owned' | 'never')?

  @description('How a key is made of a name: as Key Vault spells it, or as an environment variable is named.')
  SYNC_KEY_STYLE: ('verbatim' | 'env')?

  @description('Shell patterns over the vault secrets\' names, or over a tag as tag:NAME=PATTERN, comma-separated, of which one has to match.')
  SYNC_INCLUDE: string?

  @description('The same patterns, of which none may match.')
  SYNC_EXCLUDE: string?

  @description('Whether the beginning of a name, such as common- or dev-, tells its stage, and whether the key keeps it.')
  SYNC_STAGE_PREFIXES: ('none' | 'keep' | 'strip')?

  @description('Pairs of names of one stage, as prd=prod, comma-separated, or none; without it prd=prod,stg=staging.')
  SYNC_STAGE_ALIASES: string?

  @description('Shell patterns of the Secrets that a tag may name outright, comma-separated; the Role has to name them as well.')
  SYNC_SECRET_NAMES: string?

  @description('What becomes of the root at the end of certificates\' chains.')
  SYNC_CHAIN_ROOT: ('drop' | 'keep')?

  @description('Labels that every Secret gets, as NAME=VALUE, comma-separated.')
  SYNC_LABELS: string?

  @description('Labels that tags k8s-label-NAME may set, comma-separated, as NAME or NAME=LABEL; a label can give a Secret a meaning for other controllers.')
  SYNC_LABEL_TAGS: string?

  @description('Whether every Secret gets a link to its vault in the portal, for Argo CD; azure needs SYNC_DISCOVERY resource-graph.')
  SYNC_PORTAL_LINKS: ('none' | 'azure')?

  @description('JSON list of the kinds of objects in the clusters that list vault secrets, which they get as variables.')
  SYNC_APPLICATIONS: string?

  @description('Whether a listed secret that its vault lacks is made there, disabled and empty; with true the identity may set secrets of the vaults.')
  SYNC_APPLICATIONS_PREPARE: ('false' | 'true')?

  @description('Whether ca.crt may be an intermediate, if a chain comes without its root.')
  SYNC_CHAIN_CA: ('any' | 'root-only')?

  @description('What becomes of a version that is not valid yet.')
  SYNC_NOT_BEFORE: ('wait' | 'ignore')?

  @description('What becomes of the keys of a version that has expired.')
  SYNC_EXPIRED: ('keep' | 'remove')?

  @description('Whether a registry may have an identity token of az acr login for its only log-in, which builders can use and the kubelet cannot.')
  SYNC_REGISTRY_IDENTITY_TOKENS: ('false' | 'true')?

  @description('Which workloads are restarted when a key changes that they read; the Role needs infra/kubernetes/components/restart.')
  SYNC_RESTART: ('off' | 'annotated' | 'all')?

  @description('A further annotation by which workloads ask to be restarted, as reloader.stakater.com/auto.')
  SYNC_RESTART_ANNOTATION: string?

  @description('Seconds without a write before a restart, 1 to 10.')
  SYNC_RESTART_QUIET: string?

  @description('How many workloads may be restarted at once in a namespace, and how many in all, as 1,10.')
  SYNC_RESTART_CONCURRENCY: string?

  @description('Seconds until a restarted workload has to be ready; one that is not stops the others that read its keys.')
  SYNC_RESTART_DEADLINE: string?

  @description('When restarts may begin, each window as NCRONTAB and a duration, in UTC, with a semicolon between them; without it always.')
  SYNC_RESTART_WINDOWS: string?

  @description('Kinds of controllers whose workloads are restarted too, as KIND or KIND.GROUP, comma-separated.')
  SYNC_RESTART_OWNERS: string?
}

@export()
@sealed()
@description('The virtual network to run in.')
type virtualNetwork = {
  @description('Resource id of the subnet that the app goes out through, delegated to Microsoft.App/environments.')
  subnetId: string

  @description('Resource id of the subnet of the storage account\'s private endpoint.')
  privateEndpointSubnetId: string

  @description('Resource id of the private DNS zone for blobs; left out: a zone is made and linked to the network.')
  blobDnsZoneId: string?

  @description('Resource ids of other private DNS zones to link to the network, such as a private AKS cluster\'s.')
  linkedDnsZoneIds: string[]?

  @description('Public IPv4 ranges that the app goes out by, such as its NAT gateway\'s, for the firewalls of projects\' vaults. Empty: the app reaches these by private endpoints.')
  addresses: string[]?
}

@export()
@sealed()
@description('Who is told of alerts.')
type receivers = {
  @description('E-mail addresses; an action group is made for them.')
  emails: string[]

  @description('Resource ids of existing action groups.')
  actionGroupIds: string[]
}

@export()
@description('How long something may last before an alert, as ISO 8601 duration.')
type duration = 'PT15M' | 'PT30M' | 'PT1H' | 'PT2H' | 'PT6H'

@export()
@sealed()
@description('App Service authentication with Microsoft Entra before resync and status.')
type entraAuthentication = {
  @description('Client id of the app registration that callers get tokens for, with requestedAccessTokenVersion 2.')
  @minLength(36)
  @maxLength(36)
  clientId: string

  @description('Object ids of the principals that may call. An empty list would let in the whole tenant.')
  @minLength(1)
  allowedPrincipals: string[]

  @description('Client ids of the applications that may call, beside the Azure CLI: of each service principal and managed identity too.')
  allowedApplications: string[]?
}
