@export()
@description('One vault to serve.')
type vault = {
  @description('Resource id of the vault, which takes Azure roles (RBAC authorization).')
  resourceId: string

  @description('Region of the vault, which its system topic is in, too.')
  location: string

  @description('Resource id of the system topic that the vault already has: a vault can have one. It needs a system-assigned identity. Left out: a topic is made beside the vault.')
  systemTopic: string?
}

@export()
@description('The vaults to serve, by name.')
type vaultMap = {
  @description('One vault, under its name.')
  *: vault
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

  @description('JSON list of clusters; give clusters instead, which also assigns the roles.')
  SYNC_CLUSTERS: string?

  @description('NCRONTAB of the timer, six fields.')
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

  @description('Whether ca.crt may be an intermediate, if a chain comes without its root.')
  SYNC_CHAIN_CA: ('any' | 'root-only')?

  @description('What becomes of a version that is not valid yet.')
  SYNC_NOT_BEFORE: ('wait' | 'ignore')?

  @description('What becomes of the keys of a version that has expired.')
  SYNC_EXPIRED: ('keep' | 'remove')?

  @description('Whether a registry may have an identity token of az acr login for its only log-in, which builders can use and the kubelet cannot.')
  SYNC_REGISTRY_IDENTITY_TOKENS: ('false' | 'true')?
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
