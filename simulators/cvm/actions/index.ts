import type { Action } from '../call.ts';
import * as catalogue from './catalogue.ts';
import * as change from './change-instances.ts';
import * as describe from './describe-instances.ts';
import * as images from './images.ts';
import { runInstances } from './run-instances.ts';
import { modifyResourceTags, tagResources } from './tags.ts';

/** A service of the vendor's, as far as the simulator has it. */
interface Product {
  readonly name: string;
  readonly version: string;
  readonly actions: Readonly<Record<string, Action>>;
}

const CVM: Product = {
  name: 'cvm',
  version: '2017-03-12',
  actions: {
    RunInstances: runInstances,
    DescribeInstances: describe.describeInstances,
    DescribeInstancesStatus: describe.describeInstancesStatus,
    DescribeInstancesAttributes: describe.describeInstancesAttributes,
    TerminateInstances: change.terminateInstances,
    StartInstances: change.startInstances,
    StopInstances: change.stopInstances,
    RebootInstances: change.rebootInstances,
    ModifyInstancesAttribute: change.modifyInstancesAttribute,
    InquiryPriceRunInstances: catalogue.inquiryPriceRunInstances,
    DescribeZoneInstanceConfigInfos: catalogue.describeZoneInstanceConfigInfos,
    DescribeInstanceTypeConfigs: catalogue.describeInstanceTypeConfigs,
    DescribeAccountQuota: catalogue.describeAccountQuota,
    DescribeZones: catalogue.describeZones,
    DescribeRegions: catalogue.describeRegions,
    DescribeImages: images.describeImages,
    CreateImage: images.createImage,
    DeleteImages: images.deleteImages,
  },
};

const TAG: Product = {
  name: 'tag',
  version: '2018-08-13',
  actions: { ModifyResourceTags: modifyResourceTags, TagResources: tagResources },
};

/** Services by the first label of the host that is called. */
export const PRODUCTS: Readonly<Record<string, Product>> = { cvm: CVM, tag: TAG };

/** The service that has an action; every name belongs to one only. A host without a service's name serves them all. */
export function productOf(action: string): Product {
  return Object.hasOwn(TAG.actions, action) ? TAG : CVM;
}
